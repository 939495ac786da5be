"""What people have said about simulated reports: marks, corrections by hand, and disputes."""

import uuid

from webapp.courses.models import Lesson, LessonMaterial, SavedView
from webapp.disputes.models import Dispute, Reply
from webapp.marks import services as marks
from webapp.marks.models import Mark
from webapp.notices.models import Kind, Notice
from webapp.recordings.models import AnalysisDocument, Recording
from webapp.stack.simulated_extras import Simulated
from webapp.stack.simulated_films import link

Audience = Mark.Audience
# Start, end, text, tags, and who may read it; the first two are the instructor's.
_MARKS = (
    (700.0, 790.0, "The slides froze here for a while.", ["technical"], Audience.EVERYONE),
    (1190.0, None, "Everybody laughs about the octopus.", ["humour", "group work"], "instructors"),
    (300.0, None, "I had not understood this part.", ["question"], Audience.EVERYONE),
)


def add_all(world: Simulated) -> None:
    """For the student who can log in, and for the first lesson; two people of a report named."""
    student = world.students[0]
    own = [one.recording for one in world.reports if one.recording.student_id == student.pk]
    _mark(world, own[0])
    marks.exclude(world.instructor, own[0], 480.0, 570.0, "Talked to somebody off screen")
    _name_second_person(world)
    _dispute(world, own)
    _attach_materials(world)
    view = {"course": world.course, "page": SavedView.Page.COURSE, "name": "Newest lessons first"}
    SavedView.objects.create(user=world.instructor, query="lessons=newest", **view)


def _dispute(world: Simulated, own: list[Recording]) -> None:
    """Rows alone: nobody gets an e-mail about what is made up."""
    student = world.students[0]
    answered = Dispute.objects.create(
        recording=own[0],
        text="I was reading the worksheet here, not looking away.",
        start_s=690.0,
        end_s=760.0,
    )
    text = "Thank you, that fits what I remember. Shall I leave the stretch out?"
    Reply.objects.create(dispute=answered, author=world.instructor, text=text)
    told = [
        (world.instructor, Kind.DISPUTED, student),
        (student, Kind.ANSWERED, world.instructor),
    ]
    for user, kind, actor in told:
        Notice.objects.create(
            user=user,
            kind=kind,
            key=f"simulated-{kind}",
            lesson=own[0].lesson,
            recording=own[0],
            dispute=answered,
            actor=actor,
        )
    text = "The light was so low that this cannot be right."
    Dispute.objects.create(recording=own[-1], text=text)


def _attach_materials(world: Simulated) -> None:
    """The first lesson's own video and a link."""
    lesson = world.lessons[0]
    film = world.films.of(int(_length_s(world, lesson)))
    attached = {"lesson": lesson, "added_by": world.instructor}
    video = LessonMaterial.objects.create(
        id=uuid.uuid5(uuid.NAMESPACE_URL, f"{world.course.code}/video"),
        kind=LessonMaterial.Kind.VIDEO,
        title="The lesson as it was held (simulated)",
        size_bytes=film.stat().st_size,
        **attached,
    )
    link(film, video.path)
    LessonMaterial.objects.create(
        id=uuid.uuid5(uuid.NAMESPACE_URL, f"{world.course.code}/link"),
        kind=LessonMaterial.Kind.LINK,
        title="Further reading",
        url="https://example.org/the-sea",
        **attached,
    )


def _length_s(world: Simulated, lesson: Lesson) -> float:
    """How long most recordings of a lesson are."""
    lengths = [
        one.recording.duration_s or 0.0
        for one in world.reports
        if one.recording.lesson_id == lesson.pk
    ]
    return max(lengths)


def _mark(world: Simulated, recording: Recording) -> None:
    authors = (world.instructor, world.instructor, world.students[0])
    for number, (author, row) in enumerate(zip(authors, _MARKS, strict=True)):
        start_s, end_s, text, tags, audience = row
        mark = Mark(
            id=uuid.uuid5(recording.pk, f"mark {number}"),
            recording=recording,
            author=author,
            start_s=start_s,
            end_s=end_s,
            text=text,
            audience=audience,
        )
        marks.save_mark(mark, tags)


def _name_second_person(world: Simulated) -> None:
    """Names the people of the report in which there are two."""
    several = AnalysisDocument.objects.filter(document__warnings__1__code="several_people")
    found = set(several.filter(analysis__in=world.reports).values_list("pk", flat=True))
    for report in world.reports:
        if report.pk not in found:
            continue
        student = report.recording.student.name
        marks.name_track(world.instructor, report, 1, student, is_student=True)
        marks.name_track(world.instructor, report, 2, "A sister", is_student=False)
