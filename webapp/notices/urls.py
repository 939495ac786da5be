from django.urls import path

from webapp.notices import views

app_name = "notices"

urlpatterns = [
    path("", views.notices, name="list"),
    path("read/", views.read, name="read"),
    path("<int:notice_id>/", views.follow, name="follow"),
    path("unsubscribe/<str:token>/", views.unsubscribe, name="unsubscribe"),
]
