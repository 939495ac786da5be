"""Two recordings, or two lessons, side by side: what their pages show of them.

A comparison says how two sets of estimates differ, with what each rests on beside it. Estimates of
different models are shown, but no difference between them is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from webapp import access
from webapp.accounts.models import User
from webapp.courses.lesson_class import LessonClass, lesson_class
from webapp.courses.models import Lesson
from webapp.courses.strips import BIN_S
from webapp.recordings.models import Analysis, Recording
from webapp.reports.selectors import Report, latest_finished, read_report
from webapp.reports.templatetags.report_format import NOTHING, clock, percent, signed, two
from webapp.reports.words import emotion_word, is_simulated

#: The table behind the curves has a row for each stretch of this length.
STRETCH_S = 30.0
_MOST_CHOICES = 20


@dataclass(frozen=True)
class Side:
    """One of the two recordings with its report."""

    recording: Recording
    report: Report
    letter: str

    @property
    def title(self) -> str:
        """Whose and of what."""
        student = self.recording.student
        return f"{student.name or student.email}, {self.recording.lesson.title}"


@dataclass(frozen=True)
class Figure:
    """One figure of both, each in words with what it rests on; `difference` where that is fair."""

    label: str
    a: str
    b: str
    difference: str = ""


@dataclass(frozen=True)
class Stretch:
    """Mean estimate and coverage of both over one stretch of time since each one's beginning."""

    start_s: float
    end_s: float
    a: float | None
    a_coverage: float | None
    b: float | None
    b_coverage: float | None


def read_side(recording: Recording, letter: str) -> Side | None:
    """The recording with its newest report; None while it has none.

    Raises:
        AnalysisDocument.DoesNotExist: the report was erased meanwhile.
    """
    finished = latest_finished(recording)
    return Side(recording, read_report(finished), letter) if finished else None


def same_model(a: Side, b: Side) -> bool:
    """Whether both curves come from the same model over the same emotion network."""
    one, other = a.report.document.models, b.report.document.models
    return (
        one.engagement.name == other.engagement.name
        and one.engagement.weights_sha256 == other.engagement.weights_sha256
        and one.expression.weights_sha256 == other.expression.weights_sha256
    )


def figures(a: Side, b: Side) -> list[Figure]:
    """The figures of both beside each other."""
    pair = (a.report, b.report)
    means = [one.track.summary.mean_engagement if one.track else None for one in pair]
    fair = same_model(a, b) and None not in means
    return [
        Figure(
            _("Mean engagement, 0 to 1"),
            *[_engagement(one) for one in pair],
            difference=signed((means[1] or 0.0) - (means[0] or 0.0)) if fair else "",
        ),
        Figure(_("Windows called engaged"), *[_engaged(one) for one in pair]),
        Figure(_("Most frequent emotion"), *[_emotion(one) for one in pair]),
        Figure(_("Face usable"), *[_coverage(one) for one in pair]),
        Figure(
            _("A face in view"),
            *[percent(one.document.presence.face_share) for one in pair],
        ),
        Figure(_("Length"), *[clock(one.document.source.duration_s) for one in pair]),
        Figure(_("Left out by hand"), *[_left_out(one) for one in pair]),
        Figure(
            _("Engagement by"),
            *[_made_by(*_model_of(one)) for one in pair],
        ),
        Figure(_("Emotions by"), *[one.document.models.expression.name for one in pair]),
    ]


def stretches(a: Side, b: Side) -> list[Stretch]:
    """Both curves in stretches of `STRETCH_S`, as far as the longer one goes."""
    ends = [one.report.document.source.duration_s for one in (a, b)]
    rows = []
    start = 0.0
    while start < max(ends):
        end = start + STRETCH_S
        rows.append(
            Stretch(start, min(end, max(ends)), *_mean(a, start, end), *_mean(b, start, end))
        )
        start = end
    return rows


def choices(user: User, words: str, other: Recording | None) -> QuerySet[Recording]:
    """Recordings with a report that the user may compare, newest first, a few of them.

    Args:
        words: of the student's name or address, or of the lesson's title; empty for any.
        other: what is to be compared: first of all with the same student's, and the same lesson's.
    """
    finished = Analysis.objects.filter(recording=OuterRef("pk"), state=Analysis.State.FINISHED)
    lessons = access.visible_lessons(user).order_by().values("pk")
    found = access.visible_recordings(user).filter(Exists(finished), lesson__in=lessons)
    if other is not None:
        found = found.exclude(pk=other.pk)
    for word in words.split()[:5]:
        found = found.filter(
            Q(student__name__icontains=word)
            | Q(student__email__icontains=word)
            | Q(lesson__title__icontains=word)
            | Q(lesson__course__title__icontains=word)
        )
    if other is not None and not words:
        found = found.filter(
            Q(student_id=other.student_id, lesson__course=other.lesson.course_id)
            | Q(lesson_id=other.lesson_id)
        )
    return found.order_by("-created_at")[:_MOST_CHOICES]


@dataclass(frozen=True)
class LessonSide:
    """One of the two lessons with its class."""

    lesson: Lesson
    found: LessonClass
    letter: str

    @property
    def title(self) -> str:
        """What it is called."""
        return self.lesson.title


def read_lesson(lesson: Lesson, letter: str) -> LessonSide:
    """The class of a lesson."""
    return LessonSide(lesson, lesson_class(lesson), letter)


def lesson_figures(a: LessonSide, b: LessonSide) -> list[Figure]:
    """The figures of two classes beside each other."""
    pair = (a.found, b.found)
    means = [one.distribution.mean for one in pair]
    fair = pair[0].model == pair[1].model and None not in means
    return [
        Figure(
            _("Mean of the students' engagement, 0 to 1"),
            *[_class_mean(one) for one in pair],
            difference=signed((means[1] or 0.0) - (means[0] or 0.0)) if fair else "",
        ),
        Figure(_("Face usable, mean"), *[percent(one.distribution.coverage) for one in pair]),
        Figure(
            _("Students in the figures"),
            *[
                _("%(number)d of %(all)d")
                % {"number": one.distribution.students, "all": one.students}
                for one in pair
            ],
        ),
        Figure(_("Reports left out, made by another model"), *[str(one.left_out) for one in pair]),
        Figure(_("Students without a report"), *[str(len(one.absent)) for one in pair]),
        Figure(
            _("Engagement by"),
            *[_made_by(one.model, one.kind) if one.model else NOTHING for one in pair],
        ),
    ]


def lesson_choices(user: User, words: str, other: Lesson | None) -> QuerySet[Lesson]:
    """Lessons that the user may compare, newest first, a few; without words of the same course."""
    found = access.comparable_lessons(user)
    if other is not None:
        found = found.exclude(pk=other.pk)
        if not words:
            found = found.filter(course=other.course_id)
    for word in words.split()[:5]:
        found = found.filter(Q(title__icontains=word) | Q(course__title__icontains=word))
    return found.order_by("-starts_at")[:_MOST_CHOICES]


def curves(sides: Sequence[LessonSide]) -> list[dict[str, object]]:
    """Both classes' curves, for the script: time, mean, spread and students."""
    return [
        {
            "title": side.title,
            "points": [
                {
                    # In the middle of its bin.
                    "t": one.start_s + BIN_S / 2,
                    "mean": one.mean,
                    "spread": one.spread,
                    "students": one.students,
                }
                for one in side.found.curve.points
            ],
            "bars": [
                {"low": bar.low, "high": bar.high, "students": bar.students}
                for bar in side.found.distribution.bars
            ],
        }
        for side in sides
    ]


def _engagement(report: Report) -> str:
    summary = report.track.summary if report.track else None
    if summary is None or summary.mean_engagement is None:
        return NOTHING
    return f"{two(summary.mean_engagement)} ± {two(summary.engagement_spread)}"


def _engaged(report: Report) -> str:
    if report.track is None:
        return NOTHING
    judged = sum(one.level is not None for one in report.track.windows)
    share = percent(report.track.summary.engaged_share)
    return _("%(share)s of %(windows)d") % {"share": share, "windows": judged}


def _emotion(report: Report) -> str:
    summary = report.track.summary if report.track else None
    if summary is None or summary.dominant_emotion is None:
        return NOTHING
    name = summary.dominant_emotion
    return f"{emotion_word(name).capitalize()} {percent(summary.emotion_share.get(name))}"


def _coverage(report: Report) -> str:
    return percent(report.track.summary.coverage if report.track else 0.0)


def _left_out(report: Report) -> str:
    length = sum(end - start for start, end in report.page.excluded)
    return clock(length) if length else _("nothing")


def _model_of(report: Report) -> tuple[str, str]:
    return report.document.models.engagement.name, "index" if report.is_index else "trained"


def _made_by(name: str, kind: str) -> str:
    if is_simulated(name):
        return f"{name} ({_('drawn by a program')})"
    return f"{name} ({_('a rule') if kind == 'index' else _('trained')})"


def _class_mean(found: LessonClass) -> str:
    known = found.distribution
    return NOTHING if known.mean is None else f"{two(known.mean)} ± {two(known.spread)}"


def _mean(side: Side, start_s: float, end_s: float) -> tuple[float | None, float | None]:
    windows = side.report.track.windows if side.report.track else []
    inside = [one for one in windows if start_s <= (one.start_s + one.end_s) / 2 < end_s]
    if not inside:
        return None, None
    return (
        sum(one.engagement for one in inside) / len(inside),
        sum(one.coverage for one in inside) / len(inside),
    )
