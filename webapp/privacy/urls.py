from django.urls import path

from webapp.privacy import views

app_name = "privacy"

urlpatterns = [
    path("courses/<int:course_id>/consent/", views.consent, name="consent"),
    path("courses/<int:course_id>/withdraw/", views.withdraw, name="withdraw"),
]
