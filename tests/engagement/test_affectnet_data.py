"""AffectNet and VGGFace2 are read in each published layout, and nothing is lost silently."""

import csv
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engagement.datasets.affectnet import affectnet_classes, find_layout, read_affectnet
from engagement.datasets.labelled_faces import LabelledFaces
from engagement.datasets.vggface2 import read_identities
from engagement.errors import DataError
from engagement.networks.spec import EIGHT_EMOTIONS, SEVEN_EMOTIONS

FIRST_LINE = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,"
    "expression,valence,arousal\n"
)


def picture(path: Path, shade: int = 128, size: tuple[int, int] = (40, 30)) -> None:
    """A grey picture whose middle 20 x 20 pixels, the "face", are red of the given shade."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((size[1], size[0], 3), 60, dtype=np.uint8)
    pixels[5:25, 10:30] = (shade, 0, 0)
    Image.fromarray(pixels).save(path)


def write_list(path: Path, rows: list[tuple[str, object, object, object]], head: bool = True):
    """A list with one face box; `rows` are file, expression, valence and arousal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        if head:
            file.write(FIRST_LINE)
        for name, expression, valence, arousal in rows:
            writer.writerow([name, 10, 5, 20, 20, "1;2;3", expression, valence, arousal])


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    images = tmp_path / "Manually_Annotated" / "Manually_Annotated_Images"
    for i in range(8):
        picture(images / "1" / f"{i}.png", shade=100 + i)
    picture(images / "2" / "a.png")
    rows = [(f"1/{i}.png", i, i / 10, -i / 10) for i in range(8)]
    others = [("2/a.png", code, -2, -2) for code in (8, 9, 10)]
    broken = [("1/gone.png", 0, 0, 0), ("../../etc/x.png", 0, 0, 0), ("2/a.png", "?", 0, 0)]
    write_list(tmp_path / "Manually_Annotated_file_lists" / "training.csv", rows + others + broken)
    val = [("2/a.png", 0, -2, -2), ("1/1.png", 1, 0.5, 0.25)]
    write_list(tmp_path / "Manually_Annotated_file_lists" / "validation.csv", val, head=False)
    return tmp_path


def annotate(folder: Path, number: int, expression: object, *, valence="0.5", arousal="-0.25"):
    picture(folder / "images" / f"{number}.jpg", shade=200)
    notes = folder / "annotations"
    notes.mkdir(exist_ok=True)
    for part, value in (("exp", expression), ("val", valence), ("aro", arousal)):
        np.save(notes / f"{number}_{part}.npy", np.array(value))
    np.save(notes / f"{number}_lnd.npy", np.zeros(136))


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    for split in ("train_set", "val_set"):
        for code in range(8):
            annotate(tmp_path / split, code, str(code))
    return tmp_path


def names(faces: LabelledFaces) -> list[str]:
    return [faces.classes[label] for label in faces.labels]


def test_the_first_release_is_read_by_its_lists(lists: Path) -> None:
    data = read_affectnet(lists)
    assert data.layout == "lists"
    assert names(data.train) == [
        "neutral",
        "happiness",
        "sadness",
        "surprise",
        "fear",
        "disgust",
        "anger",
        "contempt",
    ]
    assert data.train.affect == pytest.approx(np.array([[i / 10, -i / 10] for i in range(8)]))
    assert data.train.skipped == {
        "without an emotion": 1,
        "uncertain": 1,
        "without a face": 1,
        "whose file is missing": 2,
        "without a readable label": 1,
    }
    assert data.train.summary() == (
        "8 faces (left out: 1 uncertain, 2 whose file is missing, 1 without a face, "
        "1 without a readable label, 1 without an emotion)"
    )


def test_faces_are_cut_out_by_the_lists_boxes(lists: Path) -> None:
    train = read_affectnet(lists).train
    for i in range(8):
        face = train.read(i)
        assert face.shape == (20, 20, 3)
        assert (face == (100 + i, 0, 0)).all()


def test_a_list_without_a_first_line_is_read_too(lists: Path) -> None:
    val = read_affectnet(lists).val
    assert names(val) == ["neutral", "happiness"]
    assert np.isnan(val.affect[0]).all()
    assert val.affect[1] == pytest.approx([0.5, 0.25])


def test_a_box_outside_its_picture_is_named_when_the_face_is_read(lists: Path) -> None:
    file = lists / "Manually_Annotated_file_lists" / "training.csv"
    file.write_text(file.read_text().replace("1/0.png,10,5", "1/0.png,400,5"))
    train = read_affectnet(lists).train
    with pytest.raises(DataError, match=r"box 400, 5, 420, 25 lies outside .*0\.png.* 40 x 30"):
        train.read(0)


def test_faces_without_a_box_are_counted(lists: Path) -> None:
    file = lists / "Manually_Annotated_file_lists" / "training.csv"
    text = file.read_text().replace("1/0.png,10,5,20", "1/0.png,10,5,-1")
    file.write_text(text.replace("1/1.png,10", "1/1.png,NULL"))
    train = read_affectnet(lists).train
    assert len(train) == 6
    assert train.skipped["without a face box"] == 2


def test_seven_classes_leave_contempt_out_and_say_so(lists: Path) -> None:
    train = read_affectnet(lists, affectnet_classes(7)).train
    assert train.classes == SEVEN_EMOTIONS
    assert "contempt" not in names(train)
    assert train.skipped["of contempt"] == 1
    with pytest.raises(DataError, match="not 9"):
        affectnet_classes(9)


def test_the_release_of_2021_is_read_by_its_annotations(sets: Path) -> None:
    data = read_affectnet(sets)
    assert data.layout == "sets"
    assert names(data.train)[:2] == ["neutral", "happiness"]
    assert data.train.affect == pytest.approx(np.tile([0.5, -0.25], (8, 1)))
    assert data.train.read(0).shape == (30, 40, 3)  # a crop already
    assert read_affectnet(sets, affect=False).train.affect is None


@pytest.mark.parametrize("number", [3, 3.0, np.float64(3), np.array([3])])
def test_an_annotation_may_be_any_kind_of_number(sets: Path, number: object) -> None:
    annotate(sets / "train_set", 0, number)
    assert names(read_affectnet(sets).train)[0] == "surprise"


def test_broken_annotations_are_counted_and_pickles_never_opened(
    sets: Path, tmp_path: Path
) -> None:
    notes = sets / "train_set" / "annotations"
    mark = tmp_path / "opened"
    trap = np.empty((), dtype=object)
    trap[()] = Trap(mark)
    np.save(notes / "0_exp.npy", trap, allow_pickle=True)
    (notes / "1_exp.npy").write_bytes(pickle.dumps(Trap(mark)))
    (notes / "2_exp.npy").write_bytes(b"")
    np.save(notes / "3_exp.npy", np.zeros(3))
    np.save(notes / "4_exp.npy", np.array("no number"))
    np.save(notes / "5_val.npy", np.array("-2"))
    (sets / "train_set" / "images" / "6.jpg").unlink()
    picture(sets / "train_set" / "images" / "99.jpg")
    train = read_affectnet(sets).train
    assert not mark.exists()
    assert names(train) == ["disgust", "contempt"]
    assert np.isnan(train.affect[0]).all()
    assert train.skipped == {
        "without a readable label": 5,
        "whose file is missing": 1,
        "without an annotation": 1,
    }


class Trap:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))


def test_folders_of_emotions_are_read_under_any_of_their_names(tmp_path: Path) -> None:
    for split in ("train", "val"):
        for name in ("Anger", "happy", "Neutral", "Contempt"):
            picture(tmp_path / split / name / "0.jpg")
    picture(tmp_path / "train" / "boredom" / "0.jpg")
    data = read_affectnet(tmp_path)
    assert data.layout == "folders"
    assert sorted(names(data.train)) == ["anger", "contempt", "happiness", "neutral"]
    assert data.train.classes == EIGHT_EMOTIONS
    assert data.train.affect is None
    assert data.train.skipped == {"in boredom/": 1}


def test_another_layout_is_one_sentence_that_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    with pytest.raises(DataError, match=r"training\.csv.*train_set/.*train/<emotion>/"):
        find_layout(tmp_path)


def test_lists_without_images_say_where_the_images_were_looked_for(tmp_path: Path) -> None:
    for name in ("training.csv", "validation.csv"):
        write_list(tmp_path / name, [])
    with pytest.raises(DataError, match=r"not its images.*Manually_Annotated_Images"):
        read_affectnet(tmp_path)


@pytest.mark.parametrize("text", ["", "a,b,c\n1,2,3\n", "subDirectory_filePath,face_x\n1,2\n"])
def test_another_csv_is_no_list_of_affectnet(text: str, lists: Path) -> None:
    (lists / "Manually_Annotated_file_lists" / "training.csv").write_text(text)
    with pytest.raises(DataError, match=r"training\.csv is not AffectNet's list: it lacks"):
        read_affectnet(lists)


def test_a_split_without_a_usable_face_says_why(lists: Path) -> None:
    write_list(lists / "Manually_Annotated_file_lists" / "training.csv", [("1/0.png", 9, 0, 0)])
    with pytest.raises(DataError, match=r"no usable face \(left out: 1 uncertain\)"):
        read_affectnet(lists)


def identities(root: Path, people: dict[str, int]) -> None:
    for name, count in people.items():
        for i in range(count):
            picture(root / name / f"{i:04}_01.jpg")


def test_train_and_val_of_the_same_people_are_taken_as_they_are(tmp_path: Path) -> None:
    identities(tmp_path / "train", {"n1": 3, "n2": 2})
    identities(tmp_path / "val", {"n1": 1, "n2": 2, "n9": 4})
    (tmp_path / "train" / "n3").mkdir()
    data = read_identities(tmp_path)
    assert data.train.classes == data.val.classes == ("n1", "n2")
    assert data.train.counts().tolist() == [3, 2]
    assert data.val.counts().tolist() == [1, 2]
    assert data.train.skipped == {"identities without an image": 1}
    assert data.val.skipped == {"of identities that train/ lacks": 4}
    assert data.val.path(0) == tmp_path / "val" / "n1" / "0000_01.jpg"
    assert data.val.read(0).shape == (30, 40, 3)


def test_the_published_split_of_people_becomes_a_split_of_each_ones_images(
    tmp_path: Path,
) -> None:
    identities(tmp_path / "train", {"n1": 20, "n2": 10})
    identities(tmp_path / "test", {"n8": 10, "n9": 1})
    data = read_identities(tmp_path)
    assert data.train.classes == ("n1", "n2", "n8", "n9")
    assert data.train.counts().tolist() == [18, 9, 9, 1]
    assert data.val.counts().tolist() == [2, 1, 1, 0]
    every = np.concatenate([data.train.names, data.val.names])
    assert len(np.unique(every)) == 41
    for split in (data.train, data.val):
        for i in range(len(split)):
            assert split.path(i).parent.name == split.classes[split.labels[i]]


@pytest.mark.parametrize("below", ["", "train"])
def test_one_folder_is_split_by_the_seed(below: str, tmp_path: Path) -> None:
    identities(tmp_path / below, {"n1": 20, "n2": 20})
    first, again = (read_identities(tmp_path, val_share=0.25, seed=1) for _ in range(2))
    other = read_identities(tmp_path, val_share=0.25, seed=2)
    assert first.val.counts().tolist() == [5, 5]
    assert first.val.fingerprint() == again.val.fingerprint() != other.val.fingerprint()


def test_folders_that_hold_no_identities_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder"):
        read_identities(tmp_path / "nowhere")
    identities(tmp_path, {"n1": 3})
    with pytest.raises(DataError, match=r"not laid out as <identity>/<image>: 1 folder"):
        read_identities(tmp_path)
    identities(tmp_path / "more", {"n1": 1, "n2": 1})
    with pytest.raises(DataError, match="one image an identity"):
        read_identities(tmp_path / "more")
    with pytest.raises(DataError, match=r"between 0 and 1, not 1\.5"):
        read_identities(tmp_path / "more", val_share=1.5)
