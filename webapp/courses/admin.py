"""Courses, lessons and enrolments in the admin pages."""

from django.contrib import admin

from webapp.config.admin_site import SiteAdmin, TableInline
from webapp.courses.models import Course, Enrolment, Lesson


class EnrolmentInline(TableInline):
    """Who takes part, on the course's page."""

    model = Enrolment
    extra = 1
    autocomplete_fields = ("user",)


class LessonInline(TableInline):
    """The lessons, on the course's page."""

    model = Lesson
    extra = 1


@admin.register(Course)
class CourseAdmin(SiteAdmin):
    list_display = ("code", "title", "created_at")
    search_fields = ("code", "title")
    date_hierarchy = "created_at"
    inlines = (LessonInline, EnrolmentInline)


@admin.register(Lesson)
class LessonAdmin(SiteAdmin):
    list_display = ("title", "course", "starts_at")
    list_filter = ("course",)
    search_fields = ("title", "course__title", "course__code")
    autocomplete_fields = ("course",)
    date_hierarchy = "starts_at"


@admin.register(Enrolment)
class EnrolmentAdmin(SiteAdmin):
    list_display = ("user", "role", "course")
    list_filter = ("role", "course")
    search_fields = ("user__email", "user__name", "course__title", "course__code")
    autocomplete_fields = ("user", "course")
    list_select_related = ("user", "course")
