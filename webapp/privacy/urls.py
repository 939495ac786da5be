from django.urls import path

from webapp.privacy import views

app_name = "privacy"

urlpatterns = [
    path("", views.own_data, name="own_data"),
    path("looks/", views.looks, name="looks"),
    path("download/", views.download, name="download"),
    path("method/", views.method, name="method"),
    path("courses/<int:course_id>/consent/", views.consent, name="consent"),
    path("courses/<int:course_id>/withdraw/", views.withdraw, name="withdraw"),
]
