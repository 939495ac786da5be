"""URLs of comparisons."""

from django.urls import path

from webapp.reports import compare_views

app_name = "compare"
urlpatterns = [
    path("recordings/", compare_views.recordings, name="recordings"),
    path("lessons/", compare_views.lessons, name="lessons"),
]
