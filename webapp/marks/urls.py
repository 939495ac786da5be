"""URLs of marks and corrections."""

from django.urls import path

from webapp.marks import views

app_name = "marks"
urlpatterns = [
    path("recordings/<uuid:recording_id>/marks/", views.marks, name="marks"),
    path("recordings/<uuid:recording_id>/corrections/", views.correct, name="correct"),
    path("marks/<uuid:mark_id>/", views.mark, name="mark"),
    path("marks/<uuid:mark_id>/delete/", views.delete_mark, name="delete_mark"),
    path("corrections/<int:correction_id>/withdraw/", views.withdraw, name="withdraw"),
]
