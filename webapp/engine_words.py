"""Sentences of analyses and workers in the reader's language.

Why something failed and what a report warns of are written where there is no reader yet, in
English, and kept as they were written. Each is one of the sentences below with its gaps filled.
A sentence that is not among them is shown as it was written.
"""

import re
from functools import cache

from django.utils.translation import get_language, gettext, gettext_noop

from webapp.reports.words import emotion_word

_SENTENCES = (
    # Warnings of a report
    gettext_noop("No face was found, so there is nothing to report on."),
    gettext_noop("No face is left, so there is nothing to report on."),
    gettext_noop(
        "A face could be used in only %(share)s of the time; the figures rest on that part alone."
    ),
    gettext_noop(
        "%(number)s people were seen. The summary is of the one who was in sight longest."
    ),
    gettext_noop("%(number)s people were seen. The summary is of one of them."),
    gettext_noop("Corrected by hand: %(length)s s are left out, %(number)s people remain."),
    gettext_noop("%(number)s parts of the video could not be decoded and are missing here."),
    gettext_noop(
        "Nobody's face was seen in more than %(number)s frames, which the engagement classifier "
        "needs, so there is no engagement estimate."
    ),
    gettext_noop(
        "The engagement classifier was made for every frame and given %(rate)s a second here, so "
        "its curve departs from the published use."
    ),
    gettext_noop(
        "The engagement classifier was trained on %(taught)s frames a second and given %(rate)s "
        "here, so its figures may be further off than it was found to be."
    ),
    gettext_noop(
        "Names beside the faces were not read, since the tesseract program is not installed."
    ),
    gettext_noop(
        "Simulated: nobody was recorded, no model was run, and every figure was drawn by a "
        "program so that this page can be looked at."
    ),
    # Videos that cannot be read
    gettext_noop(
        "%(file)s is not a video that can be read, or it is damaged or incomplete. Record it "
        "again, or convert it to MP4 (H.264)."
    ),
    gettext_noop("%(file)s cannot be opened. Check the name and that you may read the file."),
    gettext_noop("%(file)s is empty (0 bytes). Record or upload it again."),
    gettext_noop("%(file)s has no picture, only sound. Record with the camera on."),
    gettext_noop("%(file)s is coded in a way that cannot be read here. Convert it to MP4 (H.264)."),
    gettext_noop(
        "%(file)s has a picture of %(width)s x %(height)s pixels, more than can be analysed. "
        "Export it at 1080p or less."
    ),
    gettext_noop("%(file)s has a picture of %(width)s x %(height)s pixels. Record it again."),
    gettext_noop("%(file)s is encrypted and cannot be read. Export it without copy protection."),
    gettext_noop(
        "%(file)s is incomplete: it should last %(declared)s s but only %(reached)s s can be "
        "read. Upload the whole file again."
    ),
    gettext_noop("%(file)s holds a single picture, not a video. Record at least one second."),
    gettext_noop(
        "No picture of %(file)s can be decoded: it is encrypted, damaged or incomplete. Record it "
        "again, or convert it to MP4 (H.264)."
    ),
    gettext_noop(
        "%(file)s is not the video in which these people were found. Find the people in it first."
    ),
    gettext_noop(
        "The file cannot be decoded from %(time)s on. Convert it to MP4 (H.264) and upload it "
        "again."
    ),
    gettext_noop("The file holds sound and no picture. Record with the camera on."),
    # What happened to the work itself
    gettext_noop(
        "The analysis was begun %(times)s times, and each time the worker stopped before its end. "
        "Try a shorter recording, or convert it to MP4 (H.264)."
    ),
    gettext_noop(
        "The summary was begun %(times)s times, and each time the worker stopped before its end. "
        "Try again; if it happens again, tell an administrator."
    ),
    gettext_noop(
        "The fit was begun %(times)s times, and each time the worker stopped before its end. "
        "Try again; if it happens again, tell an administrator."
    ),
    gettext_noop(
        "The work on this recording was begun %(times)s times, and each time the worker stopped "
        "before its end. Try again; if it happens again, tell an administrator."
    ),
    gettext_noop("The worker stopped before the analysis ended. Try again."),
    gettext_noop(
        "The analysis stopped because of a fault in the program, which has been logged. Try "
        "again; if it happens again, tell an administrator."
    ),
    gettext_noop(
        "The fit stopped because of a fault in the program, which has been logged. Try again; if "
        "it happens again, tell an administrator."
    ),
    gettext_noop(
        "The summary stopped because of a fault in the program, which has been logged. Try "
        "again; if it happens again, tell an administrator."
    ),
    gettext_noop(
        "This stopped because of a fault in the program, which has been logged. Try again; if it "
        "happens again, tell an administrator."
    ),
    gettext_noop(
        "The platform's emotion model could not be loaded; this is not about your recording. Tell "
        "an administrator, and try again when it is mended."
    ),
    gettext_noop(
        "A model of the platform could not be loaded; this is not about your recording. Tell an "
        "administrator, and try again when it is mended."
    ),
    gettext_noop(
        "The platform could not store what the analysis found; this is not about your recording, "
        "which is kept. Tell an administrator, and try again when there is room on its disk."
    ),
    gettext_noop(
        "The analysis needed more memory than the worker has. Try a shorter recording, or one of "
        "lower resolution."
    ),
    gettext_noop(
        "This needed more memory than the worker has. Try a shorter recording, or one of lower "
        "resolution."
    ),
    gettext_noop("The fit needed more memory than the worker has. Tell an administrator."),
    gettext_noop("The summary needed more memory than the worker has. Tell an administrator."),
    # Titles and reasons of a summary's moments
    gettext_noop("Engagement dip"),
    gettext_noop("Engagement peak"),
    gettext_noop("Engagement index dip"),
    gettext_noop("Engagement index peak"),
    gettext_noop(
        "%(emotion)s was clearly the strongest emotion for %(length)s s, with a mean probability "
        "of %(share)s."
    ),
    gettext_noop("Simulated: %(emotion)s was clearly the strongest emotion for %(length)s s."),
    gettext_noop(
        "Simulated: engagement was %(value)s, and %(mean)s ± %(spread)s over the whole recording."
    ),
    gettext_noop("Simulated: the moments, their figures and their pictures are made up."),
    gettext_noop(
        "%(measure)s %(value)s, %(departure)s above the mean of %(mean)s; the curve's spread is "
        "%(spread)s."
    ),
    gettext_noop(
        "%(measure)s %(value)s, %(departure)s below the mean of %(mean)s; the curve's spread is "
        "%(spread)s."
    ),
    gettext_noop(
        "%(emotion)s was clear in %(people)s of the %(in_view)s students in view (of %(all)s) for "
        "%(length)s s."
    ),
    gettext_noop(
        "%(measure)s of %(people)s of the %(in_view)s students in view (of %(all)s) was above "
        "their own means; of all in view it was so by %(departure)s on average, and the class "
        "curve's spread is %(spread)s."
    ),
    gettext_noop(
        "%(measure)s of %(people)s of the %(in_view)s students in view (of %(all)s) was below "
        "their own means; of all in view it was so by %(departure)s on average, and the class "
        "curve's spread is %(spread)s."
    ),
    # What a summary did not find, and what to know of it
    gettext_noop(
        "No emotion was clear for %(least)s s or longer (a smoothed probability of %(share)s or "
        "more)."
    ),
    gettext_noop("No other emotion was clear for long enough."),
    gettext_noop("Nothing else was shared by most of the students in view."),
    gettext_noop("No window has enough of the face: too few to tell dips and peaks of engagement."),
    gettext_noop(
        "Only 1 window has enough of the face: too few to tell dips and peaks of engagement."
    ),
    gettext_noop(
        "Only %(number)s windows have enough of the face: too few to tell dips and peaks of "
        "engagement."
    ),
    gettext_noop(
        "Engagement has no dip or peak that stands out by more than its spread (%(spread)s)."
    ),
    gettext_noop("%(people)s of %(all)s students have data: too few to speak of a class."),
    gettext_noop(
        "In no stretch of %(least)s s or longer was one emotion clear in most of the students in "
        "view (at least two)."
    ),
    gettext_noop(
        "Several people are in the recording: in each clip the faces of the others, and all but "
        "the surroundings of the person shown, are blurred."
    ),
    gettext_noop(
        "Times count from the start of each recording. Where students began at different moments, "
        "what is shown at one time did not happen at one time."
    ),
    gettext_noop(
        "At most %(number)s students are pictured for each moment: those in whom it is clearest."
    ),
)
#: Gaps that hold words and not figures or names.
_WORDS = {"emotion", "measure"}
_MEASURES = {
    "Engagement": gettext_noop("Engagement"),
    "Engagement index": gettext_noop("Engagement index"),
}
_SOURCE = "en"


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    def pattern(sentence: str) -> re.Pattern[str]:
        pieces = re.split(r"%\((\w+)\)s", sentence)
        return re.compile(
            "".join(
                f"(?P<{piece}>.+?)" if odd else re.escape(piece)
                for odd, piece in zip([False, True] * len(pieces), pieces, strict=False)
            )
        )

    return tuple((pattern(sentence), sentence) for sentence in _SENTENCES)


def in_readers_words(text: str) -> str:
    """What an analysis or a worker wrote, in the reader's language where it is known."""
    if (get_language() or _SOURCE).startswith(_SOURCE):
        return text
    for pattern, sentence in _patterns():
        found = pattern.fullmatch(text)
        if found:
            return gettext(sentence) % {
                gap: _word(word) if gap in _WORDS else word
                for gap, word in found.groupdict().items()
            }
    word = _word(text)  # A moment's title is an emotion.
    return word[:1].upper() + word[1:] if word != text else text


def _word(word: str) -> str:
    if word in _MEASURES:
        return gettext(_MEASURES[word])
    # Of an emotion the word; what is none stays as it is.
    known = emotion_word(word.lower())
    return word if known == word.lower() else known
