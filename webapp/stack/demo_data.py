"""The demo's course, lesson and people. Making them twice changes nothing but the passwords."""

import secrets
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from webapp.accounts.models import User
from webapp.courses.models import Course, Enrolment, Lesson

_PEOPLE = (
    ("student", "student@demo.example", "Sofia Student"),
    ("instructor", "instructor@demo.example", "Ivo Instructor"),
    ("admin", "admin@demo.example", "Ada Admin"),
)


@dataclass(frozen=True, slots=True)
class Login:
    """A demo user and their password in clear."""

    role: str
    user: User
    password: str


@dataclass(frozen=True, slots=True)
class DemoData:
    """What the demo needs to know of its rows."""

    lesson: Lesson
    logins: dict[str, Login]


@transaction.atomic
def create(password: str = "") -> DemoData:
    """Makes or finds the rows, and gives every demo user a password.

    Args:
        password: the same for all; empty gives each a new random one.
    """
    course, _ = Course.objects.get_or_create(
        code="DEMO-101", defaults={"title": "Introduction to demonstrations"}
    )
    lesson, _ = Lesson.objects.get_or_create(
        course=course, title="Lesson 1: first recording", defaults={"starts_at": timezone.now()}
    )
    logins = {}
    for role, email, name in _PEOPLE:
        user, _ = User.objects.get_or_create(email=email, defaults={"name": name})
        clear = password or secrets.token_urlsafe(9)
        user.set_password(clear)
        user.is_staff = user.is_superuser = role == "admin"
        user.save()
        if role != "admin":
            Enrolment.objects.get_or_create(course=course, user=user, defaults={"role": role})
        logins[role] = Login(role, user, clear)
    return DemoData(lesson, logins)
