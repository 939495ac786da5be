"""AFEW and VGAF on generated clips whose right answers are known."""

from pathlib import Path

import numpy as np
import pytest

from engagement.datasets.afew import read_afew
from engagement.datasets.vgaf import read_vgaf
from engagement.errors import DataError
from engagement.evaluation.clip_classifier import ClipVectors, SvmSettings, classify_clips
from engagement.evaluation.protocols.afew import evaluate_afew
from engagement.evaluation.protocols.vgaf import evaluate_vgaf
from engagement.evaluation.result import ProtocolResult
from engagement.networks.spec import SEVEN_EMOTIONS
from tests.engagement.protocol_world import (
    PALETTE,
    Colour,
    ColourModel,
    SquareDetector,
    picture,
    save_broken,
    save_colour,
    save_image,
    save_video,
)

SUBSET, WHOLE = "accuracy, clips with a face", "accuracy, all clips"
FOLDERS = {
    "anger": "Angry",
    "disgust": "Disgust",
    "fear": "Fear",
    "happiness": "Happy",
    "neutral": "Neutral",
    "sadness": "Sad",
    "surprise": "Surprise",
}
FACES = {
    "Train_AFEW": "AlignedFaces_LBPTOP_Points/Faces",
    "Val_AFEW": "AlignedFaces_LBPTOP_Points_Val/Faces",
}


def acted(root: Path, part: str, clip: str, emotion: str, shown: str | None) -> None:
    """An AFEW clip labelled `emotion` whose aligned faces have the colour of `shown`, or none."""
    video = root / part / FOLDERS[emotion] / f"{clip}.avi"
    video.parent.mkdir(parents=True, exist_ok=True)
    video.touch()
    for number in range(3):
        if shown is not None:
            save_colour(root / part / FACES[part] / clip / f"{number:03}.png", PALETTE[shown])


@pytest.fixture
def afew(tmp_path: Path) -> Path:
    """7 training clips; 15 to judge: 7 right, 1 wrong, and one without a face of each emotion."""
    for number, emotion in enumerate(SEVEN_EMOTIONS):
        acted(tmp_path, "Train_AFEW", f"t{number}", emotion, emotion)
        acted(tmp_path, "Val_AFEW", f"v{number}", emotion, emotion)
        acted(tmp_path, "Val_AFEW", f"dark{number}", emotion, None)
    acted(tmp_path, "Val_AFEW", "lies", "happiness", "anger")
    return tmp_path


def run_afew(root: Path, model: ColourModel | None = None, **options: object) -> ProtocolResult:
    return evaluate_afew(root, model or ColourModel(), SquareDetector(), c=100.0, **options)


def test_afew_gives_the_figures_known_by_construction(afew: Path) -> None:
    result = run_afew(afew, source="faces")
    assert result.figure(SUBSET) == 7 / 8
    # All seven clips without a face get one answer, which is right for one of them.
    assert result.figure(WHOLE) == pytest.approx(8 / 15)
    assert dict(result.counts) == {
        "training clips": 7,
        "training clips with a face": 7,
        "validation clips": 15,
        "validation clips with a face": 8,
        "faces": 15 * 3,
    }
    assert len(result.unreadable) == 7


def test_afew_learns_only_from_the_training_clips(afew: Path) -> None:
    for image in (afew / "Train_AFEW" / FACES["Train_AFEW"]).rglob("*.png"):
        save_colour(image, PALETTE["fear" if image.parent.name == "t2" else "neutral"])
    # All but fear now look neutral in training, so that is what they are taken for.
    assert run_afew(afew, source="faces").figure(SUBSET) == pytest.approx(2 / 8)


def test_afew_takes_the_largest_face_of_every_frame_of_a_video(tmp_path: Path) -> None:
    bystander = (PALETTE["anger"], 16)
    for part in ("Train_AFEW", "Val_AFEW"):
        for emotion in ("happiness", "sadness"):
            frames = [picture((PALETTE[emotion], 40), bystander)] * 5
            save_video(tmp_path / part / FOLDERS[emotion] / "1.mp4", frames)
    result = run_afew(tmp_path)
    assert result.figure(SUBSET) == 1.0
    assert result.counts["faces"] == 4 * 5
    assert run_afew(tmp_path, fps=5.0).counts["faces"] < 4 * 5


def test_afew_reads_extracted_frames_of_any_size(afew: Path) -> None:
    for part in ("Train_AFEW", "Val_AFEW"):
        for faces in (afew / part / FACES[part]).iterdir():
            first = next(faces.iterdir())
            emotion = next(e for e in SEVEN_EMOTIONS if is_colour(first, PALETTE[e]))
            folder = afew / part / "frames" / faces.name
            save_image(folder / "1.png", picture((PALETTE[emotion], 40)))
            save_image(folder / "2.png", picture((PALETTE[emotion], 40), size=(200, 100)))
    result = run_afew(afew, source="frames")
    assert (result.figure(SUBSET), result.figure(WHOLE)) == (7 / 8, pytest.approx(8 / 15))
    assert result.counts["faces"] == 15 * 2


def is_colour(image: Path, colour: Colour) -> bool:
    from PIL import Image

    return Image.open(image).getpixel((0, 0)) == colour


def test_broken_and_faceless_videos_are_named_and_not_fatal(tmp_path: Path) -> None:
    for part in ("Train_AFEW", "Val_AFEW"):
        for emotion in ("happiness", "sadness"):
            frames = [picture((PALETTE[emotion], 40))] * 3
            save_video(tmp_path / part / FOLDERS[emotion] / "good.mp4", frames)
    save_broken(tmp_path / "Val_AFEW" / "Happy" / "broken.avi")
    save_video(tmp_path / "Val_AFEW" / "Sad" / "empty.mp4", [picture()] * 3)
    result = run_afew(tmp_path)
    assert result.figure(SUBSET) == 1.0
    assert result.figure(WHOLE) == 0.75  # one answer for both faceless clips, of two labels
    assert result.counts["validation clips"] == 4
    assert result.counts["validation clips with a face"] == 2
    assert len(result.unreadable) == 1
    assert "broken.avi" in result.unreadable[0]


def test_a_second_run_needs_no_clips_and_gives_the_same(afew: Path, tmp_path: Path) -> None:
    file = tmp_path / "faces.parquet"
    first = run_afew(afew, source="faces", embeddings=file)
    for image in afew.rglob("*.png"):
        image.write_bytes(b"")
    model = ColourModel()
    again = run_afew(afew, model, source="faces", embeddings=file)
    assert model.seen == 0
    assert again.figures == first.figures
    with pytest.raises(DataError, match="was made otherwise"):
        run_afew(afew, ColourModel(name="others"), source="faces", embeddings=file)


def test_another_layout_than_afews_is_one_sentence_with_what_was_found(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no folder"):
        read_afew(tmp_path / "nowhere")
    (tmp_path / "pictures").mkdir()
    with pytest.raises(DataError, match=r"no folder Train_AFEW or Train.*found: pictures"):
        read_afew(tmp_path)
    (tmp_path / "Train_AFEW" / "Angry").mkdir(parents=True)
    (tmp_path / "Val_AFEW").mkdir()
    with pytest.raises(DataError, match=r"<Emotion>/<clip>\.avi"):
        read_afew(tmp_path)
    (tmp_path / "Train_AFEW" / "Angry" / "1.avi").touch()
    with pytest.raises(DataError, match="no folder of faces a clip"):
        read_afew(tmp_path, "faces")


GREEN, RED, BLUE = (40, 220, 40), (220, 40, 40), (40, 40, 220)
#: What people show, by the label in VGAF's files.
GROUPS = {1: (GREEN, GREEN), 2: (GREEN, BLUE), 3: (BLUE, RED)}


def gather(root: Path, part: str, clip: str, people: tuple[Colour, ...]) -> None:
    """A VGAF clip: people come in one after the other and stay."""
    coming = [picture(*((colour, 20) for colour in people[: n + 1])) for n in range(len(people))]
    save_video(root / part / f"{clip}.mp4", [frame for frame in coming for _ in range(2)])


def label(root: Path, part: str, lines: dict[str, int], head: str = "Vid_name Label") -> None:
    rows = [head, *(f"{name} {value}" for name, value in lines.items())]
    (root / f"{part}_labels.txt").write_text("\n".join(rows) + "\n")


@pytest.fixture
def vgaf(tmp_path: Path) -> Path:
    """6 training clips; 5 validation clips: 3 right, 1 wrong, 1 without anybody."""
    for value, people in GROUPS.items():
        for copy in "ab":
            gather(tmp_path, "Train", f"{value}_{copy}", people)
        gather(tmp_path, "Val", f"{value}_c", people)
    gather(tmp_path, "Val", "wrong", GROUPS[1])
    save_video(tmp_path / "Val" / "nobody.mp4", [picture()] * 3)
    label(tmp_path, "Train", {f"{v}_{c}": v for v in GROUPS for c in "ab"})
    label(tmp_path, "Val", {f"{v}_c": v for v in GROUPS} | {"wrong": 3, "nobody": 2})
    return tmp_path


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_vgaf_gives_the_figures_known_by_construction(vgaf: Path, kernel: str) -> None:
    result = evaluate_vgaf(vgaf, ColourModel(), SquareDetector(), kernel=kernel, c=100.0)
    assert result.figure(SUBSET) == 3 / 4
    assert result.figure(WHOLE) in {3 / 5, 4 / 5}
    assert result.counts["validation clips with a face"] == 4
    assert result.counts["faces"] == 10 * (2 * 1 + 2 * 2)
    assert result.unreadable == ()


def test_vgaf_has_the_published_penalties(vgaf: Path) -> None:
    linear = evaluate_vgaf(vgaf, ColourModel(), SquareDetector())
    radial = evaluate_vgaf(vgaf, ColourModel(), SquareDetector(), kernel="rbf")
    assert (linear.settings["C"], radial.settings["C"]) == (0.01, 1.9)


def test_a_clip_that_is_listed_but_absent_is_named(vgaf: Path) -> None:
    (vgaf / "Val" / "wrong.mp4").unlink()
    result = evaluate_vgaf(vgaf, ColourModel(), SquareDetector(), c=100.0)
    assert result.figure(SUBSET) == 1.0
    assert result.counts["validation clips"] == 5
    assert result.unreadable == ("There is no video of val/wrong.",)


def test_vgafs_labels_are_read_with_and_without_heading_and_suffix(vgaf: Path) -> None:
    plain = read_vgaf(vgaf)
    (vgaf / "Val_labels.txt").write_text("1_c.mp4\t1\n2_c.mp4\t2\n3_c.mp4\t3\n")
    clips = read_vgaf(vgaf).validation
    assert [clip.key for clip in clips] == ["val/1_c", "val/2_c", "val/3_c"]
    assert [clip.label for clip in clips] == [0, 1, 2]
    assert plain.classes == ("positive", "neutral", "negative")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Vid_name Label\n1_c 4\n", r"Line 2 of .*Val_labels\.txt is '1_c 4'"),
        ("Vid_name Label\n1_c\n", "Line 2"),
        ("Vid_name Label\n", "names no clip"),
        ("Vid_name Label\nother 1\n", "none of the 1 clips.*such as other"),
    ],
)
def test_wrong_labels_are_one_sentence(vgaf: Path, text: str, words: str) -> None:
    (vgaf / "Val_labels.txt").write_text(text)
    with pytest.raises(DataError, match=words):
        read_vgaf(vgaf)


def test_vgaf_without_labels_or_clips_is_one_sentence(vgaf: Path) -> None:
    (vgaf / "Val_labels.txt").unlink()
    with pytest.raises(DataError, match=r"Val_labels\.txt cannot be read"):
        read_vgaf(vgaf)
    with pytest.raises(DataError, match="no folder Train"):
        read_vgaf(vgaf / "Train")


@pytest.mark.parametrize(
    ("model", "on_subset", "on_all"),
    [("enet_b0_8_best_vgaf", 0.6829, None), ("enet_b2_8", None, 0.7023), ("mine", None, None)],
)
def test_a_published_figure_stands_beside_the_clips_that_it_is_of(
    model: str, on_subset: float | None, on_all: float | None, vgaf: Path
) -> None:
    subset, whole = evaluate_vgaf(vgaf, ColourModel(name=model), SquareDetector()).figures
    assert (subset.name, subset.published) == (SUBSET, on_subset and pytest.approx(on_subset))
    assert (whole.name, whole.published) == (WHOLE, on_all and pytest.approx(on_all))


def vectors(rows: list[list[float]], labels: list[int]) -> ClipVectors:
    array = np.array(rows, dtype=np.float32)
    return ClipVectors(array, np.array(labels, dtype=np.int64), array.any(axis=1))


def test_a_classifier_needs_two_classes_with_faces() -> None:
    train = vectors([[1, 0], [0, 0]], [0, 1])
    with pytest.raises(DataError, match=r"Only 1 class\(es\)"):
        classify_clips(train, train, SvmSettings("linear", 1.0))


def test_without_any_face_to_judge_there_is_no_subset_figure() -> None:
    train = vectors([[1, 0], [1, 0.1], [0, 1]], [0, 0, 1])
    answers = classify_clips(train, vectors([[0, 0], [0, 0]], [0, 1]), SvmSettings("linear", 1.0))
    assert answers.subset is None
    assert answers.whole == 0.5
    assert answers.predicted[0] == answers.predicted[1]


def test_the_length_of_a_vector_does_not_matter() -> None:
    train = vectors([[1, 0], [0, 1]], [0, 1])
    judged = vectors([[100, 1], [0.001, 0.02]], [0, 1])
    assert classify_clips(train, judged, SvmSettings("linear", 10.0)).whole == 1.0
