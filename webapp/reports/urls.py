"""URLs of the report of one recording."""

from django.urls import path

from webapp.reports import views

app_name = "reports"
urlpatterns = [
    path("<uuid:recording_id>/report/", views.recording, name="recording"),
    path("<uuid:recording_id>/report/data/", views.data, name="data"),
    path("<uuid:recording_id>/report/boxes/", views.boxes, name="boxes"),
    path("<uuid:recording_id>/report/analysis.json", views.download_json, name="json"),
    path(
        "<uuid:recording_id>/report/corrections.json",
        views.download_corrections,
        name="corrections",
    ),
    path("<uuid:recording_id>/report/observations.csv", views.download_csv, name="csv"),
    path("<uuid:recording_id>/report/windows.csv", views.download_windows, name="csv_windows"),
]
