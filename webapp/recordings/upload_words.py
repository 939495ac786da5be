"""What the scripts of the upload page say, by name, in the reader's language.

A word in braces stands for a value that the script puts in.
"""

from django.utils.translation import gettext as _


def upload_words() -> dict[str, str]:
    """All sentences of `static/js/upload/`; a name with `_title` is the heading of its namesake."""
    return _recording() | _kept() | _refusals() | _sending() | _spoken()


def _recording() -> dict[str, str]:
    return {
        "insecure_title": _("This page cannot use the camera"),
        "insecure": _(
            "Browsers allow the camera on safe connections only, and this address begins with "
            "http. Ask your administrator for the address that begins with https, or record with "
            "another program and upload the file below."
        ),
        "unsupported_title": _("This browser cannot record"),
        "unsupported": _(
            "Use a current Firefox, Chrome, Edge or Safari, or record with another program and "
            "upload the file below."
        ),
        "no_store_title": _("This browser keeps nothing for this site"),
        "no_store": _(
            "A recording would be lost if this page closed, perhaps because this is a private "
            "window. Use an ordinary window, or record with another program and upload the file "
            "below."
        ),
        "refused_camera_title": _("The camera was not allowed"),
        "refused_camera": _(
            "Allow the camera for this site: most browsers have a sign for it beside the address. "
            "Then turn the camera on again."
        ),
        "refused_microphone_title": _("The microphone was not allowed"),
        "refused_microphone": _(
            "You can record without it: the analysis looks at the picture only. To record sound, "
            "allow the microphone for this site and choose it again."
        ),
        "no_camera_title": _("No camera was found"),
        "no_camera": _("Connect a camera and turn it on, then try again."),
        "camera_busy_title": _("The camera is in use"),
        "camera_busy": _(
            "Another program or tab has it, or it does not answer. Close what uses it, then turn "
            "the camera on again."
        ),
        "camera_fails_title": _("The camera could not be opened"),
        "camera_fails": _("Choose another camera, or connect it again, and try once more."),
        "camera_gone_title": _("The camera is gone"),
        "camera_gone": _(
            "It was disconnected, or no longer allowed. What was recorded until then is kept."
        ),
        "recording_broke_title": _("The recording stopped"),
        "recording_broke": _("The browser could not go on. What was recorded until then is kept."),
        "too_long_title": _("The recording stopped: it is as large as this site takes"),
        "too_long": _("Send it, then record the rest as another recording."),
        "disk_full_title": _("The recording stopped: this device has no room left"),
        "disk_full": _(
            "What was recorded until then is kept. Send or delete recordings that wait here, or "
            "free some space, before you record again."
        ),
        "nothing_recorded_title": _("Nothing was recorded"),
        "nothing_recorded": _("The camera sent no picture. Turn it on again and record anew."),
        "no_microphone": _("No microphone: picture only"),
        "choose_microphone": _("Choose a microphone…"),
        "camera_number": _("Camera {number}"),
        "microphone_number": _("Microphone {number}"),
        "really_delete": _("Delete this recording of {length}? It was not sent to anybody."),
    }


def _kept() -> dict[str, str]:
    return {
        "kept_title": _("Recording of {when}"),
        "kept_facts": _("{length} long, {size}, for “{lesson}”"),
        "unfinished": _("Not finished: {names}. Choose the same file again, and it goes on."),
    }


def _refusals() -> dict[str, str]:
    return {
        "empty_file": _("This file is empty: it has no bytes. Choose the recording itself."),
        "too_large": _("This file is larger than the limit of {limit}. Send a shorter recording."),
        "not_video": _("This is not a video file. Choose a recording: MP4, MOV, WebM, MKV."),
        "unreadable": _(
            "The file can no longer be read: it was moved, changed or deleted. Choose it again."
        ),
        "logged_out": _(
            "You have been logged out. Log in in another tab, then try again here: what is sent "
            "stays."
        ),
        "refused": _("The site did not take the file. Try again, or load this page anew."),
    }


def _sending() -> dict[str, str]:
    return {
        "file_chosen": _("Not sent yet: press Upload."),
        "file_waiting": _("Waits for the file before it."),
        "checking": _("Checking the file before it is sent: {share}"),
        "sent_of": _("{sent} of {size}"),
        "sent_speed": _("{sent}, {speed} a second, {left} left"),
        "file_finishing": _("Everything is sent. The site is checking and storing it."),
        "file_paused": _("Paused. What is sent stays."),
        "file_done": _("Safely stored."),
        "open_made": _("Open {name}"),
        "file_cancelled": _("Cancelled."),
        "lost_connection": _(
            "The connection is lost. Trying again in {seconds}; what is sent stays."
        ),
        "lost_server": _(
            "The site does not answer as it should. Trying again in {seconds}; what is sent stays."
        ),
        "really_cancel": _("Stop sending {name}, and erase what is sent of it?"),
    }


def _spoken() -> dict[str, str]:
    return {
        "said_recording": _("Recording."),
        "said_paused": _("The recording is paused."),
        "said_stopped": _("The recording has stopped. Look at it, then send or delete it."),
        "said_deleted": _("The recording is deleted."),
        "said_share": _("{name}: {share} is sent."),
        "said_file_sending": _("{name} is being sent."),
        "said_file_paused": _("{name} is paused."),
        "said_file_lost": _("{name}: the connection is lost. It goes on by itself."),
        "said_file_failed": _("{name} was not sent. {problem}"),
        "said_file_done": _("{name} is safely stored. Its analysis is on its way."),
    }
