from django.urls import path

from webapp.groups import views

app_name = "groups"

urlpatterns = [
    path("upload/<int:lesson_id>/", views.upload, name="upload"),
    path("settings/<int:course_id>/", views.course_settings, name="settings"),
    path("<uuid:group_id>/", views.group, name="group"),
    path("<uuid:group_id>/state/", views.state, name="state"),
    path("<uuid:group_id>/faces/<int:number>/", views.face, name="face"),
    path("<uuid:group_id>/video/", views.video, name="video"),
    path("<uuid:group_id>/match/", views.match, name="match"),
    path("<uuid:group_id>/retry/", views.retry, name="retry"),
    path("<uuid:group_id>/delete/", views.delete, name="delete"),
]
