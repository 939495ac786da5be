"""URLs of lesson summaries."""

from django.urls import path

from webapp.summaries import views

app_name = "summaries"
urlpatterns = [
    path("recordings/<uuid:recording_id>/summary/", views.recording, name="recording"),
    path("recordings/<uuid:recording_id>/summary/make/", views.make, name="make"),
    path("lessons/<int:lesson_id>/summary/", views.lesson, name="lesson"),
    path("lessons/<int:lesson_id>/summary/make/", views.make_class, name="make_class"),
    path("summaries/<uuid:summary_id>/<str:name>", views.file, name="file"),
]
