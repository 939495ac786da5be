"""What the labelling panel of a report shows one person: their own labels and nobody else's."""

from dataclasses import dataclass

from webapp.accounts.models import User
from webapp.calibration.models import WindowLabel
from webapp.calibration.windows import Stretch, labelling_order, stretches
from webapp.privacy.services import covers_groups_and_training
from webapp.recordings.models import Recording
from webapp.reports.ready import Page

#: So many windows of a recording are suggested; the others may be labelled, too.
SUGGESTED = 12


@dataclass(frozen=True)
class Choice:
    """One window of the strip; `mine` is what the reader said of it, empty where nothing yet."""

    stretch: Stretch
    mine: str
    suggested: bool
    current: bool


@dataclass(frozen=True)
class Panel:
    """The strip, the window that is asked about, and how far the reader has come."""

    recording: Recording
    covered: bool
    choices: list[Choice]
    current: Choice | None
    labelled: int
    suggested: int
    suggested_done: int

    @property
    def done(self) -> bool:
        """Whether everything that was suggested is labelled."""
        return self.suggested_done == self.suggested


def read_panel(user: User, recording: Recording, page: Page, wanted: str = "") -> Panel:
    """The panel for one person; `wanted` is the start of a window in seconds, or empty."""
    covered = covers_groups_and_training(recording.student, recording.lesson.course)
    found = stretches(page) if covered else []
    suggested = labelling_order(found, SUGGESTED)
    first = {one.start_s for one in suggested}
    mine = dict(
        WindowLabel.objects.filter(recording=recording, labelled_by=user).values_list(
            "start_s", "value"
        )
    )
    start_s = _current(found, suggested, mine, wanted)
    choices = [
        Choice(one, mine.get(one.start_s, ""), one.start_s in first, one.start_s == start_s)
        for one in found
    ]
    return Panel(
        recording=recording,
        covered=covered,
        choices=choices,
        current=next((one for one in choices if one.current), None),
        labelled=sum(bool(one.mine) for one in choices),
        suggested=len(first),
        suggested_done=sum(bool(one.mine) and one.suggested for one in choices),
    )


def find_stretch(page: Page, start: str) -> Stretch | None:
    """The window that begins at `start` seconds, None where there is none."""
    return next((one for one in stretches(page) if _is_at(one, start)), None)


def _current(
    found: list[Stretch], suggested: list[Stretch], mine: dict[float, str], wanted: str
) -> float | None:
    asked = next((one for one in found if _is_at(one, wanted)), None)
    current = asked or _unlabelled(suggested, mine)
    if current is None:
        # Everything that was suggested is labelled: the others come in the same order.
        current = _unlabelled(labelling_order(found), mine) or next(iter(suggested), None)
    return current.start_s if current else None


def _unlabelled(order: list[Stretch], mine: dict[float, str]) -> Stretch | None:
    return next((one for one in order if one.start_s not in mine), None)


def _is_at(stretch: Stretch, start: str) -> bool:
    return f"{stretch.start_s:g}" == start
