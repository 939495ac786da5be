"""URLs of labels, and of a course's classifiers."""

from django.urls import path

from webapp.calibration import views

app_name = "calibration"
urlpatterns = [
    path("recordings/<uuid:recording_id>/labels/", views.labels, name="labels"),
    path("recordings/<uuid:recording_id>/rerun/", views.rerun, name="rerun"),
    path("lessons/<int:lesson_id>/rerun/", views.rerun_lesson, name="rerun_lesson"),
    path("courses/<int:course_id>/calibration/", views.course, name="course"),
    path("courses/<int:course_id>/calibration/fit/", views.fit, name="fit"),
    path("calibration/<uuid:classifier_id>/", views.classifier, name="classifier"),
    path("calibration/<uuid:classifier_id>/retry/", views.retry, name="retry"),
    path("calibration/<uuid:classifier_id>/stop/", views.stop, name="stop"),
]
