"""Pass 2: expressions and engagement of those people who are wanted, and of nobody else."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from engagement.errors import DataError
from engagement.faces.pose import head_pose
from engagement.files import sha256_of
from engagement.group.people import People, Person
from engagement.pipeline import AnalysisResult, Analyzer, OnProgress
from engagement.report import schema
from engagement.report.sampled import Sampled
from engagement.stages.watching import batches
from engagement.types import Face, Frame, Observation
from engagement.video.container import open_video, shown_name
from engagement.video.reader import VideoReader

_BATCH = 8


def analyze_people(
    analyzer: Analyzer,
    video: Path | str,
    people: People,
    wanted: Collection[int],
    *,
    engagement: str | Path = "auto",
    on_progress: OnProgress | None = None,
) -> AnalysisResult:
    """Analyse the wanted people of a recording, one track a person, numbered by the person's id.

    No other face is cut out or given to the expression network. Presence, group affect and the
    summary are of the wanted people only.

    Args:
        people: what `find_people` told of this very file.
        wanted: ids of the people who may be analysed.
        engagement: what judges engagement, as for `Analyzer.analyze`.

    Raises:
        DataError: `people` is of another file, or nobody has one of the ids.
        VideoError: the video cannot be read.
        ModelError: there is no such classifier, or it does not take these embeddings.
    """
    path, chosen = Path(video), people.chosen(wanted)
    trained = analyzer.open_engagement(engagement)
    check_same_video(path, people)
    observations: list[Observation] = []
    for batch in batches(VideoReader(path, people.sampling_fps), _BATCH):
        observations += _observe(analyzer, batch, chosen)
        if on_progress:
            on_progress(min(batch[-1].t, people.source.duration_s), people.source.duration_s)
    if on_progress:
        on_progress(people.source.duration_s, people.source.duration_s)
    observations.sort(key=lambda o: (o.track_id, o.t))
    sampled = Sampled(
        tuple(float(t) for t in people.times),
        people.source.duration_s,
        tuple(observations),
        analyzer.recognizer.spec.classes,
    )
    analysis = analyzer.report(
        people.source, people.sampling_fps, sampled, damaged=people.damaged, trained=trained
    )
    return AnalysisResult(_named(analysis, people, chosen, observations), sampled.observations)


def check_same_video(path: Path, people: People) -> None:
    """See that `people` were found in this file.

    Raises:
        DataError: they were found in another.
        VideoError: there is no such file.
    """
    with open_video(path):  # an absent or foreign file is refused in its own words
        pass
    if sha256_of(path) != people.source.sha256:
        raise DataError(
            f"{shown_name(path)} is not the video in which these people were found. Find the "
            "people in it first.",
            code="other_video",
        )


def _observe(
    analyzer: Analyzer, batch: Sequence[Frame], chosen: Sequence[Person]
) -> list[Observation]:
    seen = [(person.id, frame, face) for frame in batch for person, face in _faces(frame, chosen)]
    crops = [analyzer.recognizer.crop(frame, face) for _, frame, face in seen]
    return [
        Observation(number, frame.t, face, expression, *head_pose(face.landmarks))
        for (number, frame, face), expression in zip(
            seen, analyzer.recognizer.recognise(crops), strict=True
        )
    ]


def _faces(frame: Frame, chosen: Sequence[Person]) -> Iterator[tuple[Person, Face]]:
    for person in chosen:
        number = person.at(frame.t)
        if number is not None:
            yield person, person.face(number)


def _named(
    analysis: schema.Analysis,
    people: People,
    chosen: Sequence[Person],
    observations: Sequence[Observation],
) -> schema.Analysis:
    """The analysis with the people's own numbers and name tags, and the detector that was used."""
    seen = {o.track_id for o in observations}
    tracks = [
        track.model_copy(update={"id": person.id, "name_tag": person.name_tag})
        for track, person in zip(analysis.tracks, (p for p in chosen if p.id in seen), strict=True)
    ]
    models = analysis.models.model_copy(update={"detector": people.detector})
    return analysis.model_copy(
        update={
            "tracks": tracks,
            "models": models,
            "warnings": [*analysis.warnings, *people.warnings],
        }
    )
