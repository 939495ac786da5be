"""A finished analysis in the form in which its page and charts want it."""

from django.db import models

from webapp.recordings.models import Analysis


class ReadyReport(models.Model):
    """What the report of one analysis reads in place of its document.

    The document of an hour is several MB; these are its few parts that a page needs, thinned and
    compressed once. Everything here is derived from the document and can be made anew from it
    (see `ready.py`), so a row of an older form counts as none. It goes with its analysis.
    """

    analysis = models.OneToOneField(
        Analysis, on_delete=models.CASCADE, primary_key=True, related_name="ready_report"
    )
    form = models.PositiveSmallIntegerField()
    # Of which corrections by hand it was made: `corrections.stamp_of`. Of others it counts as none.
    corrections = models.CharField(max_length=16, blank=True, default="")
    # JSON, compressed with gzip: sent to browsers as they are.
    page = models.BinaryField()
    chart = models.BinaryField()
    boxes = models.BinaryField()

    def __str__(self) -> str:
        return f"ready report of {self.analysis_id}"
