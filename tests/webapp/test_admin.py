"""The admin pages: what they name, and what they neither show nor tell."""

from html.parser import HTMLParser

import pytest
from django.contrib import admin
from django.db import models

from tests.webapp.conftest import World, client_of
from webapp.calibration.models import Classifier, WindowLabel
from webapp.config.admin_site import NamedFields
from webapp.courses.models import Lesson
from webapp.disputes.models import Dispute
from webapp.marks.models import Correction

pytestmark = pytest.mark.django_db


class Controls(HTMLParser):
    """The visible controls of a page, by their form names, with their own names."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: dict[str, str | None] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag in {"input", "select"} and found.get("type") != "hidden" and found.get("name"):
            self.names[found["name"]] = found.get("aria-label")


def page_of(world: World, path: str) -> str:
    answer = client_of(world.admin).get(f"/admin/{path}")
    assert answer.status_code == 200, path
    return answer.content.decode()


def test_fields_in_tables_say_what_they_are_and_of_which_row(world: World) -> None:
    page = page_of(world, f"courses/course/{world.course.pk}/change/")
    names = Controls(page).names
    in_tables = {name: said for name, said in names.items() if "-" in name}
    assert None not in in_tables.values()
    lesson = Lesson.objects.filter(course=world.course).first()
    assert names["lessons-0-title"] == f"Title, {lesson}"
    assert names["lessons-0-starts_at_0"] == f"Date, Starts at, {lesson}"
    assert names["lessons-0-starts_at_1"] == f"Time, Starts at, {lesson}"
    assert names["lessons-0-DELETE"] == f"Delete, {lesson}"
    # What a row that is added in the browser is copied from.
    assert names["enrolments-__prefix__-user"] == "User, new row"
    assert names["enrolments-__prefix__-role"] == "Role, new row"


def test_both_halves_of_a_date_and_time_are_named_by_their_field(world: World) -> None:
    names = Controls(page_of(world, "courses/lesson/add/")).names
    assert names["starts_at_0"] == "Date, Starts at"
    assert names["starts_at_1"] == "Time, Starts at"


@pytest.mark.parametrize("model", sorted(admin.site._registry, key=lambda one: one._meta.label))
def test_every_admin_of_a_model_with_times_names_their_halves(model: type[models.Model]) -> None:
    if any(isinstance(field, models.DateTimeField) for field in model._meta.fields):
        assert isinstance(admin.site._registry[model], NamedFields)


def test_an_empty_value_is_a_choice_that_can_be_read(world: World) -> None:
    assert ">Empty</a>" in page_of(world, "recordings/analysis/")


@pytest.mark.parametrize(
    "path",
    [
        "recordings/analysis/?mean_engagement__lt=0.3",
        "recordings/analysis/?dominant_emotion=anger",
        "recordings/analysisdocument/?document__summary__mean_engagement__lt=0.3",
        "recordings/recording/?analyses__mean_engagement__lt=0.3",
        "recordings/recording/?marks__text__contains=a",
        "calibration/windowlabel/?value=distracted",
        "summaries/lessonsummary/?document__schema=a",
        "groups/groupperson/?similarity__gt=0.5",
        "groups/groupperson/?name_tag__contains=a",
        "disputes/dispute/?text__contains=asleep",
        "disputes/dispute/?replies__text__contains=asleep",
        "marks/correction/?text__contains=asleep",
    ],
)
def test_what_is_not_shown_cannot_be_asked_for_by_address(path: str, world: World) -> None:
    assert client_of(world.admin).get(f"/admin/{path}").status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "recordings/analysis/?state__exact=finished",
        "recordings/analysis/?error_code=",
        "recordings/recording/?lesson__course__id__exact=1",
        "disputes/dispute/?closed_at__isempty=1",
        "privacy/accesslog/?action__exact=report",
    ],
)
def test_what_is_shown_can(path: str, world: World) -> None:
    page_of(world, path)


def test_what_people_saw_or_said_of_a_student_is_not_shown(world: World) -> None:
    about = {"recording": world.recording, "start_s": 1.0, "end_s": 2.0}
    label = WindowLabel.objects.create(**about, value="distracted", labelled_by=world.instructor)
    dispute = Dispute.objects.create(**about, text="I was not asleep")
    correction = Correction.objects.create(**about, kind="exclusion", text="Asleep")
    classifier = Classifier.objects.create(
        course=world.course, student=world.student, counts={"distracted": 7}, state="finished"
    )
    for kind, row in (
        ("calibration/windowlabel", label),
        ("disputes/dispute", dispute),
        ("marks/correction", correction),
        ("calibration/classifier", classifier),
    ):
        for path in (f"{kind}/{row.pk}/change/", f"{kind}/{row.pk}/history/", f"{kind}/"):
            page = page_of(world, path).lower()
            assert "distracted" not in page, path
            assert "asleep" not in page, path
