from django.urls import path

from webapp.disputes import views

app_name = "disputes"

urlpatterns = [
    path("courses/<int:course_id>/", views.course, name="course"),
    path("recordings/<uuid:recording_id>/", views.open_dispute, name="open"),
    path("<int:dispute_id>/reply/", views.reply, name="reply"),
    path("<int:dispute_id>/close/", views.close, name="close"),
]
