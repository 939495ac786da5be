from django.urls import path

from webapp.courses import views

app_name = "courses"

urlpatterns = [
    path("", views.home, name="home"),
    path("courses/<int:course_id>/", views.course, name="course"),
    path("courses/<int:course_id>/figures.csv", views.figures, name="figures"),
    path("lessons/<int:lesson_id>/", views.lesson, name="lesson"),
]
