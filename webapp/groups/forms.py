"""Forms of group recordings."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from webapp.accounts.models import User
from webapp.courses.models import Course
from webapp.groups.models import GroupPerson
from webapp.groups.selectors import consenting_students

Decision = GroupPerson.Decision


class MatchForm(forms.Form):
    """Whose face each person is. Only students who consent can be chosen."""

    def __init__(self, course: Course, people: list[GroupPerson], *args: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.students: dict[str, User] = {
            str(student.pk): student for student in consenting_students(course)
        }
        choices = [("", ""), (Decision.NOBODY.value, ""), *((key, "") for key in self.students)]
        self.numbers = {f"person-{person.number}": person.number for person in people}
        for name in self.numbers:
            self.fields[name] = forms.ChoiceField(choices=choices, required=False)

    @property
    def wanted(self) -> dict[int, User | Decision]:
        """The decisions by number; only after the form was found valid."""
        return {
            number: self._decision(self.cleaned_data[name])
            for name, number in self.numbers.items()
            if name in self.data
        }

    def _decision(self, value: str) -> User | Decision:
        if value == Decision.NOBODY:
            return Decision.NOBODY
        return self.students.get(value, Decision.UNMATCHED)


class SettingsForm(forms.Form):
    """What a course decides about its group recordings."""

    keep_templates = forms.BooleanField(
        required=False,
        label=_("Keep face templates in this course"),
        help_text=_(
            "After an analysis a description of each matched student's face is kept, encrypted, "
            "and suggests the match in the next recording. Without it nothing is kept."
        ),
    )
