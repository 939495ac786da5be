"""EngageNet, as its authors hand it out: clips of 10 s of 127 people, four levels of engagement.

    Train/subject_<person>_<token>_vid_<video>_<clip>.mp4   (and Validation, Test)
    train_engagement_labels.csv                             (and validation_..., test_...)

The labels' columns are chunk, a clip's file name, and label; the set has two of the three lists as
spreadsheets, which have to be saved as CSV. Clips labelled "SNP(Subject Not Present)" show nobody
and are left out. Singh et al., "Do I have your attention: A large scale engagement prediction
dataset and baselines", ICMI 2023.
"""

import re
from pathlib import Path

from engagement.datasets.clips import child_folder
from engagement.datasets.engagement_windows import FOUR_LEVELS
from engagement.datasets.labelled_windows import (
    LabelledStretch,
    StretchSet,
    check_present,
    read_table,
    videos_below,
)
from engagement.errors import DataError

PARTS = ("Train", "Validation", "Test")
#: Its own names of the levels, lowest first, in lower case and without signs.
_LABELS = ("notengaged", "barelyengaged", "engaged", "highlyengaged")
_NOBODY = "snp"
_PERSON = re.compile(r"subject_([^_]+)_")


def read_engagenet(root: Path, parts: tuple[str, ...] = PARTS) -> StretchSet:
    """List EngageNet's clips that show somebody.

    Raises:
        DataError: `root` is laid out otherwise, or a line of labels cannot be read.
    """
    stretches = [s for part in parts for s in _part(root, part)]
    check_present(stretches, root)
    return StretchSet("EngageNet", FOUR_LEVELS, tuple(sorted(stretches, key=lambda s: s.key)))


def _part(root: Path, part: str) -> list[LabelledStretch]:
    folder = child_folder(root, (part,), wanted="its clips")
    file = root / f"{part.lower()}_engagement_labels.csv"
    videos = videos_below(folder)
    stretches = []
    for number, row in read_table(file, ("chunk", "label")):
        label = re.sub(r"[^a-z]", "", row["label"].lower())
        if label.startswith(_NOBODY):
            continue
        clip = Path(row["chunk"]).name.removesuffix(".mp4")
        person = _PERSON.match(clip)
        if label not in _LABELS or person is None:
            raise DataError(
                f"Line {number} of {file} has the clip {clip!r} with the label {row['label']!r}; "
                "expected subject_<person>_..._vid_... and Not-Engaged, Barely-engaged, Engaged or "
                "Highly-Engaged. Correct it."
            )
        stretches.append(
            LabelledStretch(
                key=f"{part.lower()}/{clip}",
                video=videos.get(clip),
                person=person[1],
                level=_LABELS.index(label),
            )
        )
    return stretches
