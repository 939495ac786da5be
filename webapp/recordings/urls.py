from django.urls import path

from webapp.recordings import views

app_name = "recordings"

urlpatterns = [
    path("", views.mine, name="mine"),
    path("upload/<int:lesson_id>/", views.upload, name="upload"),
    path("<uuid:recording_id>/state/", views.state, name="state"),
    path("<uuid:recording_id>/video/", views.video, name="video"),
    path("<uuid:recording_id>/retry/", views.retry, name="retry"),
    path("<uuid:recording_id>/cancel/", views.cancel, name="cancel"),
    path("<uuid:recording_id>/delete/", views.delete, name="delete"),
]
