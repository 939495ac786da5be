from django.urls import path

from webapp.uploads import views

app_name = "uploads"

urlpatterns = [
    path("", views.uploads, name="uploads"),
    path("<uuid:upload_id>", views.upload, name="upload"),
]
