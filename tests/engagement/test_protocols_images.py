"""AffectNet, LSD and MTL on generated faces whose right answers are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engagement.datasets.affwild2_mtl import ACTION_UNITS, EXPRESSIONS, read_affwild2_mtl
from engagement.datasets.lsd import read_lsd_validation
from engagement.errors import DataError, ModelError
from engagement.evaluation.heads import HEADS
from engagement.evaluation.protocols.affectnet import evaluate_affectnet
from engagement.evaluation.protocols.lsd import evaluate_lsd
from engagement.evaluation.protocols.mtl import evaluate_mtl
from engagement.networks.spec import EIGHT_EMOTIONS, SEVEN_EMOTIONS
from tests.engagement.protocol_world import PALETTE, ColourModel, save_broken, save_colour

# AffectNet's codes, in its order.
CODES = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")


def rate(root: Path, number: int, emotion: str, shown: str, affect: tuple[float, float]) -> None:
    """An image of AffectNet's release of 2021, labelled `emotion` but coloured as `shown`."""
    for split in ("train_set", "val_set"):
        save_colour(root / split / "images" / f"{number}.png", PALETTE[shown])
        notes = root / split / "annotations"
        notes.mkdir(exist_ok=True)
        for name, value in (("exp", CODES.index(emotion)), ("val", affect[0]), ("aro", affect[1])):
            np.save(notes / f"{number}_{name}.npy", np.array(str(value)))


def affect_of(emotion: str) -> tuple[float, float]:
    """What `ColourModel` says of an emotion's colour."""
    red, green, _ = PALETTE[emotion]
    return 2 * red / 255 - 1, 2 * green / 255 - 1


@pytest.fixture
def affectnet(tmp_path: Path) -> Path:
    """Each emotion once and right; twice an anger that looks like contempt."""
    for number, emotion in enumerate(EIGHT_EMOTIONS):
        rate(tmp_path, number, emotion, emotion, affect_of(emotion))
    for number in (8, 9):
        rate(tmp_path, number, "anger", "contempt", (-2, -2))
    return tmp_path


def test_on_eight_classes_contempt_is_an_answer(affectnet: Path) -> None:
    result = evaluate_affectnet(affectnet, ColourModel())
    assert result.figure("accuracy") == 8 / 10
    assert result.report is not None
    assert result.report.recall["anger"] == pytest.approx(1 / 3)
    assert result.counts["images"] == 10


def test_on_seven_classes_contempt_is_no_answer_and_no_question(affectnet: Path) -> None:
    result = evaluate_affectnet(affectnet, ColourModel(), classes=7)
    # Next to contempt's grey comes the violet of fear: the two angers stay wrong.
    assert result.figure("accuracy") == 7 / 9
    assert result.report is not None
    assert result.report.classes == SEVEN_EMOTIONS
    assert result.report.confusion[0][SEVEN_EMOTIONS.index("fear")] == 2
    assert result.counts["left out: of contempt"] == 1
    same = evaluate_affectnet(affectnet, ColourModel(SEVEN_EMOTIONS), classes=7)
    assert same.figures == result.figures


def test_a_model_of_seven_cannot_be_asked_for_eight(affectnet: Path) -> None:
    with pytest.raises(ModelError, match="does not know contempt"):
        evaluate_affectnet(affectnet, ColourModel(SEVEN_EMOTIONS))
    with pytest.raises(DataError, match="not 6"):
        evaluate_affectnet(affectnet, ColourModel(), classes=6)


def test_affect_is_judged_where_it_is_predicted_and_rated(affectnet: Path) -> None:
    assert [figure.name for figure in evaluate_affectnet(affectnet, ColourModel()).figures] == [
        "accuracy",
        "macro F1",
    ]
    result = evaluate_affectnet(affectnet, ColourModel(predicts_affect=True))
    assert result.figure("accuracy") == 8 / 10
    for name in ("valence", "arousal"):  # the two that are not rated do not count
        assert result.figure(f"CCC of {name}") == pytest.approx(1.0)
        assert result.figure(f"RMSE of {name}") == pytest.approx(0.0, abs=1e-6)


def test_a_shift_of_the_ratings_shows_in_both_measures(affectnet: Path) -> None:
    truth = np.array([affect_of(emotion)[0] for emotion in EIGHT_EMOTIONS])
    for number, emotion in enumerate(EIGHT_EMOTIONS):
        valence, arousal = affect_of(emotion)
        rate(affectnet, number, emotion, emotion, (valence - 0.1, arousal))
    result = evaluate_affectnet(affectnet, ColourModel(predicts_affect=True))
    assert result.figure("RMSE of valence") == pytest.approx(0.1, abs=1e-6)
    expected = 2 * truth.var() / (2 * truth.var() + 0.01)
    assert result.figure("CCC of valence") == pytest.approx(expected, abs=1e-6)


def test_broken_images_are_named_and_not_judged(affectnet: Path) -> None:
    save_broken(affectnet / "val_set" / "images" / "8.png")
    result = evaluate_affectnet(affectnet, ColourModel())
    assert result.figure("accuracy") == 8 / 9
    assert (result.counts["images"], result.counts["unreadable images"]) == (9, 1)
    assert "8.png" in result.unreadable[0]


def test_when_nothing_can_be_read_there_is_no_figure(affectnet: Path) -> None:
    for image in (affectnet / "val_set" / "images").iterdir():
        save_broken(image)
    with pytest.raises(DataError, match="None of the 10 images"):
        evaluate_affectnet(affectnet, ColourModel())


def test_one_file_of_embeddings_serves_seven_and_eight_classes(
    affectnet: Path, tmp_path: Path
) -> None:
    file = tmp_path / "said.parquet"
    evaluate_affectnet(affectnet, ColourModel(), classes=7, embeddings=file)
    model = ColourModel()
    result = evaluate_affectnet(affectnet, model, embeddings=file)
    assert model.seen == 1  # the image of contempt
    assert result.figure("accuracy") == 8 / 10
    with pytest.raises(DataError, match="data AffectNet, now LSD"):
        evaluate_lsd(lsd_in(tmp_path / "lsd"), ColourModel(), embeddings=file)


def lsd_in(root: Path) -> Path:
    """The challenge's six folders, one right image each, and a fear that looks neutral."""
    folders = {"anger": "ANGRER"}
    folders |= {name: name.upper() for name in ("disgust", "fear", "happiness", "sadness")}
    folders["surprise"] = "SURPRISE"
    for emotion, folder in folders.items():
        save_colour(root / "validation_set_real_images" / folder / "1.jpg", PALETTE[emotion])
    save_colour(root / "validation_set_real_images" / "FEAR" / "2.png", PALETTE["neutral"])
    return root


def test_lsd_gives_the_figures_known_by_construction(tmp_path: Path) -> None:
    result = evaluate_lsd(lsd_in(tmp_path), ColourModel())
    assert result.figure("accuracy") == 6 / 7
    # Neutral is no answer: the white fear is taken for happiness, whose yellow is nearest.
    # F1: four classes 1, fear 2/3 (recall 1/2), happiness 2/3 (precision 1/2).
    assert result.figure("macro F1") == pytest.approx((4 + 2 / 3 + 2 / 3) / 6)
    assert result.report is not None
    assert result.report.classes == read_lsd_validation(tmp_path).classes


def test_lsd_takes_the_folder_of_images_itself_too(tmp_path: Path) -> None:
    inside = lsd_in(tmp_path) / "validation_set_real_images"
    assert evaluate_lsd(inside, ColourModel()).counts["images"] == 7


def test_another_layout_than_lsds_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    with pytest.raises(DataError, match=r"no folder validation_set_real_images.*found: cats"):
        evaluate_lsd(tmp_path, ColourModel())
    with pytest.raises(DataError, match="There is no folder"):
        evaluate_lsd(tmp_path / "no", ColourModel())


HEAD = "image,valence,arousal,expression," + ",".join(f"AU{unit}" for unit in ACTION_UNITS)
# Heads for 48 faces instead of 140,000.
FAST = {"batch_size": 16, "learning_rate": 0.01, "penalty": 1e-4, "epochs": (20, 60, 30)}
#: Expressions in colours; `other` looks like contempt.
COLOURS = {name: PALETTE["contempt" if name == "other" else name] for name in EXPRESSIONS}


def annotate(emotion: str, *, affect: bool = True, expression: bool = True, units: bool = True):
    code = EXPRESSIONS.index(emotion)
    red, green, _ = COLOURS[emotion]
    values = [2 * red / 255 - 1, 2 * green / 255 - 1] if affect else [-5, -5]
    values.append(code if expression else -1)
    values += [int((code + unit) % 3 == 0) if units else -1 for unit in range(len(ACTION_UNITS))]
    return ",".join(map(str, values))


def challenge_in(root: Path, copies: int = 6) -> Path:
    for part, name in (("training", "t"), ("validation", "v")):
        lines = [HEAD]
        for copy in range(copies):
            for emotion in EXPRESSIONS:
                image = f"{name}{copy}/{emotion}.png"
                save_colour(root / "cropped_aligned" / image, COLOURS[emotion])
                lines.append(f"{image},{annotate(emotion)}")
        (root / f"{part}_set_annotations.txt").write_text("\n".join(lines) + "\n")
    return root


def add(root: Path, part: str, image: str, emotion: str, line: str) -> None:
    save_colour(root / "cropped_aligned" / image, COLOURS[emotion])
    with (root / f"{part}_set_annotations.txt").open("a") as file:
        file.write(f"{image},{line}\n")


class OneHotModel(ColourModel):
    """Embeds a colour as which of the eight it is, so that a linear head can read everything."""

    def outputs(self, crops):
        outputs, _ = super().outputs(crops)
        return outputs, np.eye(8, dtype=np.float32)[outputs[:, :8].argmax(axis=1)]


@pytest.mark.parametrize("variant", ["linear", "slice"])
def test_mtl_reaches_the_score_that_the_data_allow(tmp_path: Path, variant: str) -> None:
    settings = replace(HEADS[variant], **FAST)
    model = OneHotModel(predicts_affect=True)
    shares: list[float] = []
    result = evaluate_mtl(challenge_in(tmp_path), model, heads=settings, on_progress=shares.append)
    assert result.figure("macro F1 of expressions") == 1.0
    assert result.figure("mean F1 of action units") == 1.0
    valence, arousal = result.figure("CCC of valence"), result.figure("CCC of arousal")
    assert valence is not None
    assert arousal is not None
    assert min(valence, arousal) > 0.95
    assert result.figure("P_MTL") == pytest.approx(2 + (valence + arousal) / 2)
    assert result.settings["heads"] == variant
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)


def test_what_is_not_annotated_is_left_out_of_its_part_only(tmp_path: Path) -> None:
    root = challenge_in(tmp_path)
    settings = replace(HEADS["linear"], **FAST | {"epochs": (20, 3, 30)})
    before = evaluate_mtl(root, OneHotModel(predicts_affect=True), heads=settings)
    # Each would spoil the parts in which it is not annotated: its colour is another emotion's.
    add(root, "validation", "w/1.png", "fear", annotate("anger", expression=False, units=False))
    add(root, "validation", "w/2.png", "fear", annotate("fear", affect=False, units=False))
    add(root, "validation", "w/3.png", "fear", annotate("fear", affect=False, expression=False))
    nothing = annotate("fear", affect=False, expression=False, units=False)
    add(root, "validation", "w/4.png", "fear", nothing)
    after = evaluate_mtl(root, OneHotModel(predicts_affect=True), heads=settings)
    assert after.figure("macro F1 of expressions") == before.figure("macro F1 of expressions") == 1
    assert after.figure("mean F1 of action units") == before.figure("mean F1 of action units") == 1
    assert after.figure("CCC of valence") != before.figure("CCC of valence")
    assert after.counts["validation images"] == 48 + 3
    assert after.counts["validation images with an expression"] == 49
    assert after.counts["validation images with valence and arousal"] == 49
    assert after.counts["validation images with action units"] == 49
    assert after.counts["images without any annotation"] == 1


def test_half_annotated_valence_or_action_units_do_not_count(tmp_path: Path) -> None:
    root = challenge_in(tmp_path, copies=1)
    add(root, "validation", "w/1.png", "fear", "0.5,-5,3," + ",".join(["1"] * 11) + ",-1")
    _, validation = read_affwild2_mtl(root)
    row = validation.names.index("w/1.png")
    assert not validation.has_affect[row]
    assert not validation.has_action_units[row]
    assert validation.expression[row] == EXPRESSIONS.index("fear")
    assert np.isnan(validation.affect[row]).all()


def test_absent_and_broken_images_are_named(tmp_path: Path) -> None:
    root = challenge_in(tmp_path, copies=2)
    (root / "cropped_aligned" / "v0" / "fear.png").unlink()
    save_broken(root / "cropped_aligned" / "t0" / "anger.png")
    result = evaluate_mtl(root, ColourModel(), heads=replace(HEADS["linear"], epochs=(1, 1, 1)))
    assert (result.counts["training images"], result.counts["validation images"]) == (15, 15)
    assert len(result.unreadable) == 2


def test_a_second_run_of_mtl_needs_no_images(tmp_path: Path) -> None:
    root, file = challenge_in(tmp_path, copies=1), tmp_path / "said.parquet"
    quick = replace(HEADS["linear"], epochs=(2, 2, 2))
    first = evaluate_mtl(root, ColourModel(), heads=quick, embeddings=file)
    for image in (root / "cropped_aligned").rglob("*.png"):
        image.unlink()
    model = ColourModel()
    assert evaluate_mtl(root, model, heads=quick, embeddings=file).figures == first.figures
    assert model.seen == 0


def test_the_later_names_of_the_lists_are_found_too(tmp_path: Path) -> None:
    root = challenge_in(tmp_path, copies=1)
    for old, new in (("training", "train"), ("validation", "validation")):
        (root / f"{old}_set_annotations.txt").rename(root / f"{new}_set.txt")
    train, validation = read_affwild2_mtl(root)
    assert (len(train), len(validation)) == (8, 8)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("x.png,0.1,0.2,3", r"Line 2 of .*training_set_annotations\.txt is not an image"),
        ("x.png,0.1,0.2,8," + ",".join(["0"] * 12), "Line 2"),
        ("x.png,a,b,3," + ",".join(["0"] * 12), "Line 2"),
        ("x.png,2.0,0.2,3," + ",".join(["0"] * 12), "Line 2"),
        ("x.png,nan,0.2,3," + ",".join(["0"] * 12), "Line 2"),
        ("x.png,0.1,0.2,3," + ",".join(["2"] * 12), "Line 2"),
        ("", "has no annotated image"),
        (f"x.png,{annotate('fear')}\nx.png,{annotate('anger')}", r"Line 3 .*x\.png again"),
    ],
)
def test_a_wrong_line_of_annotations_is_one_sentence(tmp_path: Path, line: str, words: str) -> None:
    root = challenge_in(tmp_path, copies=1)
    (root / "training_set_annotations.txt").write_text(f"{HEAD}\n{line}\n")
    with pytest.raises(DataError, match=words):
        read_affwild2_mtl(root)


def test_a_missing_list_or_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder cropped_aligned"):
        read_affwild2_mtl(tmp_path)
    (tmp_path / "cropped_aligned").mkdir()
    with pytest.raises(DataError, match=r"training_set_annotations\.txt or train_set\.txt"):
        read_affwild2_mtl(tmp_path)


def test_a_task_without_annotations_cannot_be_judged(tmp_path: Path) -> None:
    root = challenge_in(tmp_path, copies=1)
    rows = [f"v0/{name}.png,{annotate(name, units=False)}" for name in EXPRESSIONS]
    (root / "validation_set_annotations.txt").write_text("\n".join([HEAD, *rows]))
    with pytest.raises(DataError, match=r"None of the 8 readable validation images.*action units"):
        evaluate_mtl(root, ColourModel(), heads=replace(HEADS["linear"], epochs=(1, 1, 1)))
