"""Labels and classifiers in the admin pages: to be read only.

What was seen of a person in a window is not shown here, nor what a classifier makes of it: the one
is on the report, where every access is written to the audit log, the other on the course's page.
"""

from django.contrib import admin

from webapp.calibration.models import AnalysisClassifier, Classifier, WindowLabel
from webapp.config.admin_site import ReadOnlyAdmin


@admin.register(WindowLabel)
class WindowLabelAdmin(ReadOnlyAdmin):
    list_display = ("recording", "start_s", "end_s", "labelled_by", "at")
    list_filter = ("recording__lesson__course", "at")
    search_fields = ("recording__id", "labelled_by__email")
    date_hierarchy = "at"
    list_select_related = ("recording", "labelled_by")
    exclude = ("value",)


@admin.register(Classifier)
class ClassifierAdmin(ReadOnlyAdmin):
    list_display = ("id", "course", "student", "state", "verdict", "in_use", "created_by",
                    "created_at", "finished_at")  # fmt: skip
    list_filter = ("course", "state", "verdict", "in_use")
    search_fields = ("id", "name", "error_text", "student__email")
    date_hierarchy = "created_at"
    list_select_related = ("course", "student", "created_by")
    exclude = ("card", "counts", "comparison", "out_of_fold", "fitted_on")


@admin.register(AnalysisClassifier)
class AnalysisClassifierAdmin(ReadOnlyAdmin):
    list_display = ("analysis_id", "classifier")
    search_fields = ("analysis__id", "classifier__id")
