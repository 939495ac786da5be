"""The calibration page of a course, and the card of one classifier, ready to be shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, OuterRef, QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from webapp.accounts.models import User
from webapp.calibration import selectors
from webapp.calibration.models import Classifier, WindowLabel
from webapp.calibration.selectors import PairAgreement, Readiness
from webapp.courses.models import Course
from webapp.recordings.models import Analysis, Recording

_MOST_CLASSIFIERS = 20
# An interval from resampling fewer people than this is itself a guess.
_FEW_PEOPLE = 10


@dataclass(frozen=True)
class StudentRow:
    """One student: what may be labelled of them, and whether a model of their own can be fitted."""

    student: User
    covered: bool
    recordings: list[Recording]
    readiness: Readiness

    @property
    def at_hand(self) -> list[Recording]:
        """What has labels, and the first that has none: where labelling goes on."""
        labelled = [one for one in self.recordings if one.label_count]
        return labelled + [one for one in self.recordings if not one.label_count][:1]

    @property
    def further(self) -> list[Recording]:
        """The recordings that are left."""
        at_hand = {one.pk for one in self.at_hand}
        return [one for one in self.recordings if one.pk not in at_hand]


@dataclass(frozen=True)
class Overview:
    """The page of a course."""

    readiness: Readiness
    agreements: list[PairAgreement]
    students: list[StudentRow]
    classifiers: list[Classifier]
    in_use: Classifier | None

    @property
    def is_busy(self) -> bool:
        """Whether a fit is queued or running, so that the page looks again."""
        return any(one.is_open for one in self.classifiers)

    @property
    def course_is_busy(self) -> bool:
        """Whether that is so for the course's own classifier."""
        return any(one.is_open and one.student_id is None for one in self.classifiers)


def students_to_label(course: Course) -> QuerySet[User]:
    """Students of whom there is a report to label, by name."""
    finished = Analysis.objects.filter(recording=OuterRef("pk"), state=Analysis.State.FINISHED)
    with_report = Recording.objects.filter(Exists(finished), lesson__course=course).order_by()
    people = User.objects.filter(pk__in=with_report.values("student_id"))
    return people.order_by("name", "email", "pk")


def read_overview(course: Course, shown: Sequence[User]) -> Overview:
    """What has been labelled in the course and what came of it; of students those shown."""
    classifiers = list(
        Classifier.objects.filter(course=course).select_related("course", "student", "created_by")[
            :_MOST_CLASSIFIERS
        ]
    )
    labels = list(selectors.usable_labels(course).select_related("recording", "labelled_by"))
    return Overview(
        readiness=selectors.readiness_of(course, labels, personal=False),
        agreements=selectors.agreements(labels),
        students=_students(course, shown, labels),
        classifiers=classifiers,
        in_use=Classifier.objects.filter(course=course, student=None, in_use=True).first(),
    )


def _students(course: Course, shown: Sequence[User], labels: list[WindowLabel]) -> list[StudentRow]:
    covered = set(selectors.covered_students(course).values_list("user_id", flat=True))
    finished = Analysis.objects.filter(recording=OuterRef("pk"), state=Analysis.State.FINISHED)
    with_report = (
        Recording.objects.filter(Exists(finished), student__in=shown, lesson__course=course)
        .annotate(label_count=Count("labels__start_s", distinct=True))
        .select_related("lesson")
        .order_by("lesson__starts_at", "created_at")
    )
    by_student: dict[int, list[Recording]] = {}
    for recording in with_report:
        by_student.setdefault(recording.student_id, []).append(recording)
    labels_of: dict[int, list[WindowLabel]] = {}
    for label in labels:
        labels_of.setdefault(label.recording.student_id, []).append(label)
    return [
        StudentRow(
            student=one,
            covered=one.pk in covered,
            recordings=by_student.get(one.pk, []),
            readiness=selectors.readiness_of(course, labels_of.get(one.pk, []), personal=True),
        )
        for one in shown
    ]


@dataclass(frozen=True)
class Figure:
    """A figure with the bounds of its 95% interval, and what guessing gets where that is known."""

    label: str
    value: float
    low: float
    high: float
    guessing: float | None


_METRICS = {
    "balanced_recall": _("Balanced recall"),
    "accuracy": _("Accuracy"),
    "macro_f1": _("F1, mean of the levels"),
    "mse": _("Mean squared error"),
    "spearman": _("Spearman's rank correlation"),
    "calibration_error": _("Expected calibration error"),
}
_METHODS = {
    "ridge": _("ridge regression on mean, deviation, minimum and maximum of a window's embeddings"),
    "svr": _("support vector regression on statistics of a window's embeddings"),
    "boosting": _("gradient boosting on statistics of a window's embeddings"),
    "single_attention": _("attention over a window's embeddings"),
}


@dataclass(frozen=True)
class Card:
    """What the card's page shows beside the row itself."""

    method: str
    figures: list[Figure]
    left_out: list[str]
    few: bool

    @property
    def recall(self) -> Figure | None:
        """The figure that matters most."""
        return next((one for one in self.figures if one.label == _METRICS["balanced_recall"]), None)


def read_card(classifier: Classifier) -> Card:
    """The figures of a classifier by name, and what its fit left out."""
    card: dict[str, Any] = classifier.card
    guessing: dict[str, float] = card.get("guessing", {})
    metrics: dict[str, dict[str, float]] = card.get("metrics", {})
    figures = [
        Figure(label, **metrics[name], guessing=guessing.get(name))
        for name, label in _METRICS.items()
        if name in metrics
    ]
    return Card(
        method=_METHODS.get(card.get("method", ""), card.get("method", "")),
        figures=figures,
        left_out=_left_out(classifier.counts),
        few=card.get("people", 0) < _FEW_PEOPLE,
    )


_REASONS = {
    "disagreed": ngettext_lazy(
        "%(n)d window in which two people disagree",
        "%(n)d windows in which two people disagree",
        "n",
    ),
    "unsure": ngettext_lazy(
        "%(n)d window in which nobody could tell",
        "%(n)d windows in which nobody could tell",
        "n",
    ),
    "no_face": ngettext_lazy(
        "%(n)d window without embeddings of a face",
        "%(n)d windows without embeddings of a face",
        "n",
    ),
    "other_model": ngettext_lazy(
        "%(n)d window whose embeddings another expression model made",
        "%(n)d windows whose embeddings another expression model made",
        "n",
    ),
}


def _left_out(counts: dict[str, int]) -> list[str]:
    return [words % {"n": counts[name]} for name, words in _REASONS.items() if counts.get(name)]
