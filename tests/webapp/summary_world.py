"""Finished summaries for the tests of pages: rows and files, without a worker."""

from tests.factories import build_analysis
from webapp.courses.models import Lesson
from webapp.recordings.models import Analysis, Recording
from webapp.summaries.models import LessonSummary

JPEG = b"\xff\xd8\xff\xe0" + bytes(20)
CLIP = b"\x00\x00\x00\x18ftypmp42" + bytes(2000)


def recording_document(engagement_kind: str = "index") -> dict:
    """A summary of one recording: one clip, and one sentence of what was not found."""
    analysis = build_analysis(kind=engagement_kind)
    clip = {"file": "a.mp4", "poster": "a.jpg", "start_s": 2.0, "end_s": 5.5, "size_bytes": 2024}
    moment = {
        "kind": "emotion",
        "emotion": "happiness",
        "start_s": 2.0,
        "end_s": 5.5,
        "probability": 0.81,
        "coverage": 1.0,
        "why": "Happiness was clearly the strongest emotion for 3.5 s.",
        "clip": clip,
    }
    person = {"track": 1, "coverage": 0.84, "moments": [moment], "missing": ["No dip stands out."]}
    return _document(analysis, people=[person], sources=[analysis.source.model_dump()])


def class_document(recordings: list[Recording]) -> dict:
    """A class's summary: one moment, with a still of each recording."""
    analysis = build_analysis()
    stills = [
        {"file": f"class-{n}.jpg", "source": n, "track": 1, "t": 3.0}
        for n in range(len(recordings))
    ]
    moment = {
        "kind": "emotion",
        "emotion": "surprise",
        "start_s": 2.0,
        "end_s": 6.0,
        "probability": 0.7,
        "coverage": 0.9,
        "why": "Surprise was clear in most.",
        "people": 2,
        "in_view": 2,
        "of": 3,
        "stills": stills,
    }
    whole = {"people": len(recordings), "moments": [moment], "missing": []}
    sources = [analysis.source.model_dump() | {"file": str(one.pk)} for one in recordings]
    return _document(analysis, people=[], sources=sources, whole_class=whole)


def _document(analysis: object, **parts: object) -> dict:
    return {
        "schema": "engagement.summary/1",
        "expression": analysis.models.expression.model_dump(),
        "engagement": analysis.models.engagement.model_dump(),
        "rules": {},
        "contact_sheet": "contact-sheet.jpg",
        "notes": ["Something to know."],
        **parts,
    }


def finished_summary(recording: Recording, analysis: Analysis) -> LessonSummary:
    """A finished summary of the recording with its files."""
    summary = LessonSummary.objects.create(
        recording=recording,
        state=LessonSummary.State.FINISHED,
        document=recording_document(),
        finished_at=analysis.finished_at,
    )
    return _with_files(summary, [analysis], ["a.jpg", "contact-sheet.jpg"])


def finished_class_summary(lesson: Lesson, analyses: list[Analysis]) -> LessonSummary:
    """A finished summary of the lesson's class with its files."""
    recordings = [one.recording for one in analyses]
    summary = LessonSummary.objects.create(
        lesson=lesson,
        state=LessonSummary.State.FINISHED,
        document=class_document(recordings),
        finished_at=analyses[0].finished_at,
    )
    stills = [f"class-{n}.jpg" for n in range(len(recordings))]
    return _with_files(summary, analyses, [*stills, "contact-sheet.jpg"])


def _with_files(
    summary: LessonSummary, analyses: list[Analysis], stills: list[str]
) -> LessonSummary:
    summary.analyses.set(analyses)
    summary.folder.mkdir(parents=True)
    (summary.folder / "a.mp4").write_bytes(CLIP)
    for name in stills:
        (summary.folder / name).write_bytes(JPEG)
    return summary
