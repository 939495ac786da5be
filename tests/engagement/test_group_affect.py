"""Group affect: by the rule over people, and by a classifier trained as on VGAF."""

import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from safetensors.numpy import load_file, save_file

from engagement.errors import DataError, ModelError
from engagement.evaluation.clip_classifier import ClipVectors
from engagement.evaluation.group_affect import fit_group_classifier
from engagement.evaluation.protocols.vgaf import evaluate_vgaf
from engagement.files import sha256_of
from engagement.pipeline import Analyzer, Settings
from engagement.report.group_affect import build_group_affect, group_rule
from engagement.report.sampled import Sampled, WindowSettings
from engagement.report.terminal import print_analysis
from engagement.sample import sample_path
from engagement.types import Observation
from engagement.windows.group_classifier import (
    GroupAffectClassifier,
    group_vector,
    load_group_classifier,
    save_group_classifier,
)
from tests.engagement.conftest import CLASSES
from tests.engagement.protocol_world import ColourModel, SquareDetector, picture, save_video
from tests.engagement.test_protocols_clips import GROUPS, gather, label
from tests.factories import build_analysis

Observe = Callable[..., Observation]
TIMES = tuple(np.round(np.arange(0, 10, 0.2), 3).tolist())
WINDOWS = WindowSettings()


def sampled(observations: Sequence[Observation]) -> Sampled:
    ordered = sorted(observations, key=lambda o: (o.track_id, o.t))
    return Sampled(TIMES, 10.0, tuple(ordered), CLASSES)


def test_a_person_seen_in_every_frame_does_not_outweigh_the_others(observe: Observe) -> None:
    """One is happy all the time; three are sad and seen in a tenth of the frames."""
    group = [observe(t, "happiness", track=1) for t in TIMES]
    group += [observe(t, "sadness", track=track) for track in (2, 3, 4) for t in TIMES[::10]]
    for affect in build_group_affect(sampled(group), WINDOWS):
        # The happy one is positive at 0.75, the sad ones at 0.1: (0.75 + 3 * 0.1) / 4.
        assert affect.positive == pytest.approx(0.2625, abs=1e-3)
        assert affect.negative > 0.6
        assert (affect.people, affect.face_share) == (4, 1.0)
        assert affect.positive + affect.neutral + affect.negative == pytest.approx(1, abs=2e-4)


def test_a_window_says_how_many_of_the_people_it_rests_on(observe: Observe) -> None:
    early = [observe(t, track=track) for track in (1, 2) for t in TIMES if t < 2]
    late = [observe(t, track=3) for t in TIMES if t >= 8]
    always = [observe(t, track=4) for t in TIMES]
    affects = build_group_affect(sampled(early + late + always), WINDOWS)
    found = {affect.start_s: (affect.people, affect.face_share) for affect in affects}
    assert found == {0.0: (3, 0.75), 2.5: (1, 0.25), 5.0: (2, 0.5)}


def test_nobody_in_sight_is_no_affect(observe: Observe) -> None:
    assert build_group_affect(sampled([]), WINDOWS) == []
    only_late = [observe(t) for t in TIMES if t >= 7.6]
    assert [a.start_s for a in build_group_affect(sampled(only_late), WINDOWS)] == [5.0]


def clips(count: int, signal: float, seed: int) -> ClipVectors:
    """Clips of groups: embeddings of 4 people in 10 frames, shifted by the clip's class."""
    random = np.random.default_rng(seed)
    directions = np.random.default_rng(0).normal(0, 1, (3, 16))
    labels = random.integers(0, 3, count)
    frames = np.repeat(np.arange(10), 4).astype(np.int32)
    rows = []
    for value in labels:
        people = np.tile(random.normal(0, 1, (4, 16)), (10, 1))
        faces = people + random.normal(0, 0.5, people.shape) + signal * directions[value]
        rows.append(group_vector(faces.astype(np.float32), frames))
    return ClipVectors(np.array(rows), labels.astype(np.int64), np.ones(count, dtype=np.bool_))


def fitted(signal: float) -> tuple[GroupAffectClassifier, ClipVectors]:
    validation = clips(300, signal, 2)
    classifier = fit_group_classifier(
        clips(300, signal, 1),
        validation,
        c=1.0,
        embedding_model="tiny",
        sampling_fps=5.0,
        trained_on="made up",
    )
    return classifier, validation


def test_a_signal_is_learned_and_its_probabilities_mean_what_they_say() -> None:
    classifier, validation = fitted(signal=0.35)
    card = classifier.card
    assert card.has_skill
    assert card.accuracy.low < card.accuracy.value < card.accuracy.high
    assert card.accuracy.value > 0.75
    # On clips that nobody has looked at yet.
    fresh = clips(600, 0.35, 3)
    probabilities = classifier.probabilities(fresh.vectors)
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)
    sure = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == fresh.labels
    assert card.accuracy.low - 0.05 < right.mean() < card.accuracy.high + 0.05
    assert sure.mean() == pytest.approx(right.mean(), abs=0.06)
    assert len(validation.labels) == 300


def test_on_noise_it_says_that_it_is_no_better_than_guessing() -> None:
    classifier, validation = fitted(signal=0.0)
    assert not classifier.card.has_skill
    assert classifier.card.guessing == np.bincount(validation.labels).max() / 300
    # And it claims little: what it is most sure of is near to one of three.
    assert classifier.probabilities(validation.vectors).max(axis=1).mean() < 0.5


def test_too_few_clips_are_one_sentence() -> None:
    few = clips(9, 1.0, 1)
    with pytest.raises(DataError, match=r"positive \d, neutral \d, negative \d to train on"):
        fit_group_classifier(
            few, few, c=1.0, embedding_model="tiny", sampling_fps=0, trained_on="made up"
        )


def test_a_file_gives_back_the_same_classifier(tmp_path: Path) -> None:
    classifier, validation = fitted(signal=0.5)
    path = tmp_path / "group.safetensors"
    save_group_classifier(classifier, path)
    read = load_group_classifier(path)
    assert read.card == classifier.card
    assert len(read.weights_sha256) == 64
    assert np.array_equal(
        read.probabilities(validation.vectors), classifier.probabilities(validation.vectors)
    )
    first = path.read_bytes()
    save_group_classifier(classifier, path)
    assert path.read_bytes() == first


def test_other_files_are_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "group.safetensors"
    with pytest.raises(ModelError, match="cannot be read"):
        load_group_classifier(path)
    path.write_bytes(b"\x80\x04pickled")
    with pytest.raises(ModelError, match="cannot be read"):
        load_group_classifier(path)
    save_file({"weight": np.zeros((3, 4), dtype=np.float32)}, path)
    with pytest.raises(ModelError, match="not a classifier of group affect"):
        load_group_classifier(path)
    classifier, _ = fitted(signal=0.5)
    card = replace(classifier.card, embedding_size=8)
    save_group_classifier(replace(classifier, card=card), path)
    with pytest.raises(ModelError, match="do not fit its description"):
        load_group_classifier(path)
    save_group_classifier(replace(classifier, bias=classifier.bias * np.float32("nan")), path)
    with pytest.raises(ModelError, match="finite"):
        load_group_classifier(path)
    tensors = load_file(path)
    described = {"format": "engagement.group_affect/1", "card": json.dumps({"name": "x"})}
    save_file(tensors, path, {"engagement": json.dumps(described)})
    with pytest.raises(ModelError, match="does not describe itself"):
        load_group_classifier(path)


def test_the_classifier_judges_a_recordings_windows(observe: Observe) -> None:
    """The first five seconds look like one class, the last like another."""
    classifier, _ = fitted(signal=1.0)
    directions = np.random.default_rng(0).normal(0, 1, (3, 16))
    random = np.random.default_rng(5)
    people = random.normal(0, 1, (4, 16))

    def face(t: float, person: int, value: int) -> Observation:
        seen = observe(t, track=person + 1)
        embedding = people[person] + random.normal(0, 0.5, 16) + directions[value]
        expression = replace(seen.expression, embedding=embedding.astype(np.float32))
        return replace(seen, expression=expression)

    group = [face(t, person, 0 if t < 5 else 2) for person in range(4) for t in TIMES]
    affects = build_group_affect(sampled(group), WINDOWS, classifier)
    assert affects[0].positive > max(affects[0].neutral, affects[0].negative)
    assert affects[-1].negative > max(affects[-1].neutral, affects[-1].positive)
    assert affects[0].people == 4
    with pytest.raises(DataError, match="takes embeddings of 16 numbers, but these have 4"):
        build_group_affect(sampled([observe(0.0)]), WINDOWS, classifier)


def test_the_contract_says_which_made_it() -> None:
    classifier = replace(fitted(signal=0.5)[0], weights_sha256="ab" * 32)
    rule, trained = group_rule(None), group_rule(classifier)
    assert (rule.kind, rule.name, rule.weights_sha256) == ("index", "mean_of_faces", None)
    assert (trained.kind, trained.name, trained.weights_sha256) == (
        "trained", "group_affect_svm", "ab" * 32,
    )  # fmt: skip


def test_the_terminal_says_where_heads_point_and_how_the_group_looks() -> None:
    def printed(people: int) -> str:
        written = io.StringIO()
        print_analysis(build_analysis(people=people), Console(file=written, width=200))
        return written.getvalue()

    assert "Group affect" not in printed(1)
    text = printed(3)
    assert "facing 70%, away 20%, down 10%, moves 0.10/s" in text
    assert re.search(r"mean of \d+ windows: positive \d+%, neutral 30%, negative \d+%", text)
    assert "mean_of_faces, a rule" in text


@pytest.fixture(scope="module")
def vgaf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five training clips and six to judge of each class, every one of them easy."""
    root = tmp_path_factory.mktemp("vgaf")
    for part, copies in (("Train", "abcde"), ("Val", "fghijk")):
        for value, people in GROUPS.items():
            for copy in copies:
                gather(root, part, f"{value}_{copy}", people)
        label(root, part, {f"{value}_{copy}": value for value in GROUPS for copy in copies})
    return root


def test_the_protocol_saves_a_classifier_that_an_analysis_can_use(
    vgaf: Path, tmp_path: Path
) -> None:
    path = tmp_path / "group.safetensors"
    result = evaluate_vgaf(vgaf, ColourModel(), SquareDetector(), c=100.0, save=path)
    assert result.notes[-1].startswith(f"Saved as {path}: accuracy 1.000")
    card = load_group_classifier(path).card
    assert (card.embedding_model, card.embedding_size) == ("colours", 3)
    assert (card.clips, card.guessing) == (15, pytest.approx(1 / 3))
    with pytest.raises(DataError, match="kernel rbf cannot be saved"):
        evaluate_vgaf(vgaf, ColourModel(), SquareDetector(), kernel="rbf", save=path)


def test_the_protocol_saves_nothing_that_is_no_better_than_guessing(tmp_path: Path) -> None:
    """All groups show the same, whatever their label says."""
    for part in ("Train", "Val"):
        names = [f"{value}_{copy}" for value in GROUPS for copy in "abcde"]
        for name in names:
            save_video(tmp_path / part / f"{name}.mp4", [picture(((40, 220, 40), 40))] * 2)
        label(tmp_path, part, {name: int(name[0]) for name in names})
    path = tmp_path / "group.safetensors"
    result = evaluate_vgaf(tmp_path, ColourModel(), SquareDetector(), save=path)
    assert "no better than guessing" in result.notes[-1]
    assert not path.exists()


def test_an_analysis_uses_the_classifier_that_its_settings_name(tmp_path: Path) -> None:
    made, _ = fitted(signal=0.5)
    card = replace(made.card, embedding_model="mobilenet_7_fer", embedding_size=1024)
    weight = np.zeros((3, 4096), dtype=np.float32)
    always_negative = np.array([0.0, 0.0, 9.0], dtype=np.float32)
    path = tmp_path / "group.safetensors"
    save_group_classifier(GroupAffectClassifier(card, weight, always_negative), path)
    analyzer = Analyzer("mobilenet_7_fer", Settings(group_affect=path))
    analysis = analyzer.analyze(sample_path(), fps=0.5).analysis
    assert analysis.models.group_affect.kind == "trained"
    assert analysis.models.group_affect.weights_sha256 == sha256_of(path)
    assert min(affect.negative for affect in analysis.group_affect) > 0.99
    save_group_classifier(made, path)
    with pytest.raises(ModelError, match="trained on embeddings of tiny"):
        Analyzer("mobilenet_7_fer", Settings(group_affect=path))
