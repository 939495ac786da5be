"""What has been labelled, what is missing before a fit, and which classifier is in use."""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from webapp.accounts.models import User
from webapp.calibration.agreement import Agreement, agreement
from webapp.calibration.models import Classifier, WindowLabel
from webapp.courses.models import Course
from webapp.privacy import consent_text
from webapp.privacy.models import Consent
from webapp.recordings.models import Analysis, Recording
from webapp.recordings.newest import newest_finished
from webapp.stack.simulated import is_simulated

LEAST_OF_A_LEVEL = 20
LEAST_PEOPLE = 3

_OPEN = (Analysis.State.QUEUED, Analysis.State.RUNNING)
Value = WindowLabel.Value
LEVELS = (Value.DISTRACTED, Value.ENGAGED)
#: A recording and the start of one of its windows.
Key = tuple[uuid.UUID, float]


@dataclass(frozen=True)
class Agreed:
    """Labels made into one answer a window.

    `levels` holds the windows whose labels agree; "can't tell" says nothing for or against. Where
    two people disagree the window is left out and counted.
    """

    levels: dict[Key, str]
    disagreed: int
    unsure: int


@dataclass(frozen=True)
class Readiness:
    """What there is to fit with; `missing` says in a sentence what is not there yet."""

    groups: int
    distracted: int
    engaged: int
    unsure: int
    disagreed: int
    missing: str

    @property
    def windows(self) -> int:
        """Windows that a fit would use."""
        return self.distracted + self.engaged


@dataclass(frozen=True)
class PairAgreement:
    """Two people who labelled the same windows."""

    one: User
    other: User
    agreement: Agreement
    could_not_tell: int


def covered_students(course: Course) -> QuerySet[Consent]:
    """The active consents of the course that spoke of labels."""
    return Consent.objects.filter(
        course=course,
        withdrawn_at=None,
        text_version__in=consent_text.COVERING_GROUPS_AND_TRAINING,
    )


def usable_labels(course: Course, student: User | None = None) -> QuerySet[WindowLabel]:
    """Labels of students whose consent covers them; of one student where that is given."""
    labels = WindowLabel.objects.filter(
        recording__lesson__course=course,
        recording__student__in=covered_students(course).values("user"),
    )
    return labels.filter(recording__student=student) if student else labels


def agree(labels: Iterable[WindowLabel]) -> Agreed:
    """One answer for every labelled window."""
    answers: dict[Key, set[str]] = {}
    for label in labels:
        answers.setdefault((label.recording_id, label.start_s), set()).add(label.value)
    levels, disagreed, unsure = {}, 0, 0
    for key, said in answers.items():
        told = said - {Value.UNSURE}
        if len(told) == 1:
            levels[key] = told.pop()
        elif told:
            disagreed += 1
        else:
            unsure += 1
    return Agreed(levels, disagreed, unsure)


def readiness(course: Course, student: User | None = None) -> Readiness:
    """Whether there is enough to fit a classifier for the course, or for one student of it."""
    labels = usable_labels(course, student).select_related("recording")
    return readiness_of(course, list(labels), personal=student is not None)


def readiness_of(course: Course, labels: Sequence[WindowLabel], *, personal: bool) -> Readiness:
    """The same of the course's labels that are at hand, with their recordings."""
    agreed = agree(labels)
    owners = {label.recording_id: label.recording.student_id for label in labels}
    used = {recording for recording, _ in agreed.levels}
    groups = len(used if personal else {owners[one] for one in used})
    counts = Counter(agreed.levels.values())
    return Readiness(
        groups=groups,
        distracted=counts[Value.DISTRACTED],
        engaged=counts[Value.ENGAGED],
        unsure=agreed.unsure,
        disagreed=agreed.disagreed,
        missing=without_embeddings(course) or missing_words(groups, counts, personal=personal),
    )


def without_embeddings(course: Course) -> str:
    """Why nothing can ever be fitted in a simulated course, in a sentence; empty in any other."""
    if not is_simulated(course):
        return ""
    return _(
        "Nothing can be fitted here: simulated recordings have no embeddings, which a model would "
        "learn from. In a course with real recordings it can, as soon as enough is labelled."
    )


def missing_words(groups: int, counts: Mapping[str, int], *, personal: bool) -> str:
    """What is missing before a fit, in a sentence; empty where there is enough.

    `groups` are students, or for a student's own classifier recordings.
    """
    wanted = []
    if groups < LEAST_PEOPLE:
        more = LEAST_PEOPLE - groups
        words = (
            ngettext("windows of %(n)d more recording", "windows of %(n)d more recordings", more)
            if personal
            else ngettext("windows of %(n)d more student", "windows of %(n)d more students", more)
        )
        wanted.append(words % {"n": more})
    for level in LEVELS:
        more = LEAST_OF_A_LEVEL - counts.get(level, 0)
        if more > 0:
            words = ngettext(
                "%(n)d more window labelled %(level)s",
                "%(n)d more windows labelled %(level)s",
                more,
            )
            wanted.append(words % {"n": more, "level": level.label})
    if not wanted:
        return ""
    *before, last = wanted
    listed = last
    if before:
        listed = _("%(several)s and %(last)s") % {"several": ", ".join(before), "last": last}
    return _("Still missing before a model can be fitted: %(listed)s.") % {"listed": listed}


def agreements(labels: Iterable[WindowLabel]) -> list[PairAgreement]:
    """How far every two people who labelled the same windows agree."""
    by_person: dict[int, dict[Key, str]] = {}
    people: dict[int, User] = {}
    for label in labels:
        key = (label.recording_id, label.start_s)
        by_person.setdefault(label.labelled_by_id, {})[key] = label.value
        people[label.labelled_by_id] = label.labelled_by
    found = []
    for one, other in combinations(sorted(by_person), 2):
        both = by_person[one].keys() & by_person[other].keys()
        pairs = [(by_person[one][key], by_person[other][key]) for key in sorted(both)]
        told = [pair for pair in pairs if Value.UNSURE not in pair]
        if pairs:
            unsure = len(pairs) - len(told)
            found.append(PairAgreement(people[one], people[other], agreement(told), unsure))
    return found


def classifier_in_use(course: Course, student: User) -> Classifier | None:
    """The student's own classifier, else their course's, else None."""
    used = Classifier.objects.filter(course=course, in_use=True)
    return used.filter(student=student).first() or used.filter(student=None).first()


@dataclass(frozen=True)
class Due:
    """A report that the classifier in use did not make, though it takes its embeddings."""

    newest: Analysis
    classifier: Classifier


def due_again(recordings: QuerySet[Recording]) -> dict[uuid.UUID, Due]:
    """Reports that could be made again, by recording; none whose analysis is under way."""
    courses = recordings.order_by().values("lesson__course_id")
    in_use = Classifier.objects.filter(in_use=True, course__in=courses)
    used = {(one.course_id, one.student_id): one for one in in_use}
    if not used:
        return {}
    under_way = Analysis.objects.filter(recording=OuterRef("recording"), state__in=_OPEN)
    newest = (
        newest_finished(recordings)
        .filter(~Exists(under_way))
        .select_related("recording__lesson__course", "recording__student", "made_by")
    )
    due = {}
    for analysis in newest:
        course_id, recording = analysis.recording.lesson.course_id, analysis.recording
        found = used.get((course_id, recording.student_id)) or used.get((course_id, None))
        made_by = getattr(analysis, "made_by", None)
        if found is None or found.embedding_model != analysis.expression_model:
            continue
        if made_by is None or made_by.classifier_id != found.pk:
            due[recording.pk] = Due(analysis, found)
    return due
