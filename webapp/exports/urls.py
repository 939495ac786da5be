"""URLs of exports: what it is of, and the format as the ending."""

from django.urls import path, register_converter

from webapp.exports import views
from webapp.exports.files import TABLE_ENDINGS


class Ending:
    """A format that can be asked for."""

    regex = "|".join((*TABLE_ENDINGS, "pdf"))

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        if value not in (*TABLE_ENDINGS, "pdf"):
            raise ValueError(f"There is no export as {value}.")
        return value


register_converter(Ending, "ending")

app_name = "exports"
urlpatterns = [
    path("recordings/<uuid:recording_id>.<ending:ending>", views.recording, name="recording"),
    path("lessons/<int:lesson_id>.<ending:ending>", views.lesson, name="lesson"),
    path("courses/<int:course_id>.<ending:ending>", views.course, name="course"),
    path(
        "courses/<int:course_id>/students/<int:student_id>.<ending:ending>",
        views.student,
        name="student",
    ),
]
