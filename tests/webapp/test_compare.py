"""Two recordings or lessons side by side: what is shown, warned of, refused and written down."""

import pytest
from django.http import HttpResponse
from django.urls import reverse

from tests.webapp.class_world import make_class
from tests.webapp.conftest import client_of
from tests.webapp.report_world import ReportWorld, build_world
from webapp.accounts.models import User
from webapp.courses.models import Enrolment, Lesson
from webapp.privacy.models import AccessLog
from webapp.recordings.models import Recording


@pytest.fixture
def world(db: None) -> ReportWorld:
    return build_world()


def compare(user: User, a: Recording, b: Recording) -> HttpResponse:
    return client_of(user).get(reverse("compare:recordings"), {"a": a.pk, "b": b.pk})


def lessons(user: User, a: Lesson, b: Lesson) -> HttpResponse:
    return client_of(user).get(reverse("compare:lessons"), {"a": a.pk, "b": b.pk})


def test_figures_stand_beside_each_other_with_coverage_spread_and_model(world: ReportWorld) -> None:
    a, b = world.analysed(), world.analysed(absent=((2.0, 11.0),))
    text = compare(world.instructor, a, b).content.decode()
    for words in ("Mean engagement, 0 to 1", "Face usable", "concentration_index (a rule)", "±"):
        assert words in text
    assert "B less A" in text
    assert "Made by different models" not in text


@pytest.mark.parametrize(
    "other", [{"kind": "trained"}, {"emotions": ["anger", "happiness", "neutral"]}]
)
def test_different_models_are_warned_of_and_no_difference_is_shown(
    world: ReportWorld, other: dict
) -> None:
    a, b = world.analysed(), world.analysed(**other)
    text = compare(world.instructor, a, b).content.decode()
    if "kind" in other:
        assert "Made by different models" in text
        assert "B less A" not in text
    else:
        # The same weights over fewer classes are the same model.
        assert "Made by different models" not in text


def test_both_readings_are_written_down(world: ReportWorld) -> None:
    a, b = world.analysed(), world.analysed()
    compare(world.instructor, a, b)
    logged = AccessLog.objects.filter(actor=world.instructor, action="report")
    assert set(logged.values_list("recording_id", flat=True)) == {a.pk, b.pk}


@pytest.mark.parametrize("who", ["classmate", "other_instructor"])
def test_what_a_reader_may_not_see_does_not_exist_for_them(world: ReportWorld, who: str) -> None:
    a, b = world.analysed(), world.analysed()
    assert compare(getattr(world, who), a, b).status_code == 404


def test_a_student_compares_their_own(world: ReportWorld) -> None:
    a, b = world.analysed(), world.analysed()
    assert compare(world.student, a, b).status_code == 200
    choose = client_of(world.classmate).get(reverse("compare:recordings"))
    assert choose.context["choices"].count() == 0


@pytest.mark.parametrize("text", ["nonsense", "00000000-0000-0000-0000-000000000000"])
def test_an_address_that_means_nothing_is_not_found(world: ReportWorld, text: str) -> None:
    page = client_of(world.instructor).get(reverse("compare:recordings"), {"a": text})
    assert page.status_code == 404


def test_the_same_twice_asks_for_another(world: ReportWorld) -> None:
    a = world.analysed()
    text = compare(world.instructor, a, a).content.decode()
    assert "Choose what to put beside it" in text


def test_one_without_a_report_is_said_to_have_none(world: ReportWorld) -> None:
    text = compare(world.instructor, world.analysed(), world.recording()).content.decode()
    assert "One of the two has no report yet" in text


def test_the_picker_finds_by_name_and_offers_the_same_student_first(world: ReportWorld) -> None:
    a, b = world.analysed(), world.analysed()
    page = client_of(world.instructor).get(reverse("compare:recordings"), {"a": a.pk})
    assert list(page.context["choices"]) == [b]
    found = client_of(world.instructor).get(reverse("compare:recordings"), {"q": "student sky"})
    assert set(found.context["choices"]) == {a, b}
    nothing = client_of(world.instructor).get(reverse("compare:recordings"), {"q": "zoology"})
    assert "Nothing was found" in nothing.content.decode()


def test_two_lessons_are_compared_by_their_teachers_alone(sent: list, db: None) -> None:
    world = make_class("CMP", 4)
    page = lessons(world.instructor, *world.lessons[:2])
    assert page.status_code == 200
    text = page.content.decode()
    assert "Mean of the students&#x27; engagement, 0 to 1" in text
    assert "4 of 4" in text
    assert lessons(world.students[0], *world.lessons[:2]).status_code == 403
    offered = client_of(world.students[0]).get(reverse("compare:lessons"))
    assert offered.context["choices"].count() == 0, "no lesson is offered that would be refused"
    stranger = User.objects.create_user("stranger@example.org")
    assert lessons(stranger, *world.lessons[:2]).status_code == 404
    logged = AccessLog.objects.filter(actor=world.instructor, action="figures")
    assert logged.filter(course_id=world.course.pk).count() == 4


def test_lessons_of_two_courses_need_both_and_are_logged_by_course(sent: list, db: None) -> None:
    world, other = make_class("ONE", 4), make_class("TWO", 3)
    pair = world.lessons[0], other.lessons[0]
    assert lessons(world.instructor, *pair).status_code == 404
    taught = Enrolment.objects.create(course=other.course, user=world.instructor, role="student")
    assert lessons(world.instructor, *pair).status_code == 403
    assert not AccessLog.objects.filter(actor=world.instructor, action="figures").exists()
    Enrolment.objects.filter(pk=taught.pk).update(role="instructor")
    for _ in range(2):
        assert lessons(world.instructor, *pair).status_code == 200
    # Once for both readings: a look at the same figures again within a while is one look.
    logged = AccessLog.objects.filter(actor=world.instructor, action="figures")
    seen = set(logged.values_list("course_id", "subject_id"))
    people = {(one.course.pk, who.pk) for one in (world, other) for who in one.students}
    assert seen == people
    assert logged.count() == len(people) == 7
