"""What other pages show of group recordings."""

from typing import Any

from django import template

from webapp.courses.models import Lesson
from webapp.groups.models import GroupRecording

register = template.Library()


@register.inclusion_tag("groups/_lesson.html")
def lesson_groups(lesson: Lesson) -> dict[str, Any]:
    """The lesson's group recordings, for whoever may see every recording of the course."""
    return {"lesson": lesson, "groups": GroupRecording.objects.filter(lesson=lesson)}
