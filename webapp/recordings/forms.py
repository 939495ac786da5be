"""The upload form."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from webapp.recordings.uploads import (
    EMPTY_FILE,
    PrivateUploadHandler,
    ReceivedFile,
    ReceivedUpload,
    too_large_text,
)


class UploadForm(forms.Form):
    """One video file. What is inside it is checked by decoding, in the worker."""

    video = forms.FileField(
        label=_("Video file"),
        widget=forms.FileInput(attrs={"accept": "video/*,.mkv"}),
        error_messages={
            "required": _("Choose a video file."),
            "missing": _("Choose a video file."),
            "empty": EMPTY_FILE,
        },
    )

    def __init__(self, *args: Any, handler: PrivateUploadHandler | None = None, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.handler = handler
        limit = filesizeformat(settings.MAX_UPLOAD_BYTES)
        help_text = gettext("Up to %(limit)s: MP4, MOV, WebM, MKV and others.")
        self.fields["video"].help_text = help_text % {"limit": limit}
        self.fields["video"].widget.attrs["data-max-bytes"] = settings.MAX_UPLOAD_BYTES

    def _clean_fields(self) -> None:
        # What the handler noticed on the way explains an absent file better than "required".
        problem = self._transfer_problem()
        if problem:
            self.add_error("video", ValidationError(problem))
        else:
            super()._clean_fields()

    def _transfer_problem(self) -> str:
        if self.handler is None:
            return ""
        if self.handler.too_large:
            return too_large_text()
        if self.handler.broken:
            return gettext(
                "The file could not be stored: the server's disk refused it. Try again later."
            )
        if self.handler.interrupted:
            return gettext("The upload ended before the whole file had arrived. Try again.")
        return ""

    @property
    def received(self) -> ReceivedFile:
        """The file on disk; only after the form was found valid."""
        upload: ReceivedUpload = self.cleaned_data["video"]
        return upload.received
