from django.urls import path

from webapp.courses import lesson_views, material_views, student_views, views

app_name = "courses"

urlpatterns = [
    path("", views.home, name="home"),
    path("courses/<int:course_id>/", views.course, name="course"),
    path("courses/<int:course_id>/trend/", views.trend, name="trend"),
    path("courses/<int:course_id>/figures.csv", views.figures, name="figures"),
    path("courses/<int:course_id>/students/<int:user_id>/", student_views.student, name="student"),
    path("courses/<int:course_id>/views/<slug:page>/", views.save_view, name="save_view"),
    path("views/<int:view_id>/", views.change_view, name="change_view"),
    path("lessons/<int:lesson_id>/", lesson_views.lesson, name="lesson"),
    path("lessons/<int:lesson_id>/class/", lesson_views.lesson_class, name="lesson_class"),
    path("lessons/<int:lesson_id>/materials/", material_views.materials, name="materials"),
    path("materials/<uuid:material_id>/", material_views.material, name="material"),
    path("materials/<uuid:material_id>/change/", material_views.change, name="change_material"),
]
