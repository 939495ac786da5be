"""DAiSEE, as its authors distribute it: clips of 10 s of 112 people, four levels of engagement.

    DataSet/Train/<person>/<clip>/<clip>.avi        (and Validation, Test)
    Labels/TrainLabels.csv                          (and ValidationLabels, TestLabels)

The labels' columns are ClipID, Boredom, Engagement, Confusion and Frustration, each 0 to 3. A
clip's name begins with six digits that say whose it is. Gupta et al., "DAiSEE: Towards user
engagement recognition in the wild", arXiv 1609.01885.
"""

from pathlib import Path

from engagement.datasets.clips import child_folder
from engagement.datasets.engagement_windows import FOUR_LEVELS, TWO_LEVELS
from engagement.datasets.labelled_windows import (
    LabelledStretch,
    StretchSet,
    check_present,
    read_table,
    videos_below,
)
from engagement.errors import DataError

PARTS = ("Train", "Validation", "Test")
_PERSON_DIGITS = 6


def read_daisee(root: Path, parts: tuple[str, ...] = PARTS, level_count: int = 4) -> StretchSet:
    """List DAiSEE's clips.

    Args:
        parts: which of `PARTS`.
        level_count: 4, or 2: levels 0 and 1 against 2 and 3.

    Raises:
        DataError: `root` is laid out otherwise, or a line of labels cannot be read.
    """
    labels = child_folder(root, ("Labels",), wanted="the lists of labels")
    folder = child_folder(root, ("DataSet",), wanted="the clips")
    stretches = [s for part in parts for s in _part(labels, folder, part, level_count)]
    check_present(stretches, folder)
    names = FOUR_LEVELS if level_count == 4 else TWO_LEVELS
    return StretchSet("DAiSEE", names, tuple(sorted(stretches, key=lambda s: s.key)))


def _part(labels: Path, folder: Path, part: str, level_count: int) -> list[LabelledStretch]:
    file = labels / f"{part}Labels.csv"
    videos = videos_below(folder / part)
    stretches = []
    for number, row in read_table(file, ("ClipID", "Engagement")):
        clip, level = Path(row["clipid"]).stem, row["engagement"]
        if level not in {"0", "1", "2", "3"} or not clip[:_PERSON_DIGITS].isdecimal():
            raise DataError(
                f"Line {number} of {file} has the clip {clip!r} with the engagement {level!r}, but "
                "a clip's name begins with six digits and its level is 0 to 3. Correct it."
            )
        stretches.append(
            LabelledStretch(
                key=f"{part.lower()}/{clip}",
                video=videos.get(clip),
                person=clip[:_PERSON_DIGITS],
                level=int(level) if level_count == 4 else int(level) // 2,
            )
        )
    return stretches
