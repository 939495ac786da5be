"""Learning from Synthetic Data, a challenge of the 4th ABAW competition.

    training_set_synthetic_images/<EXPRESSION>/<image>
    validation_set_real_images/<EXPRESSION>/<image>

with the expressions ANGRER (sic), DISGUST, FEAR, HAPPINESS, SADNESS and SURPRISE. Only the
validation set is read here.
"""

from pathlib import Path

from engagement.datasets.clips import child_folder
from engagement.datasets.labelled_faces import FaceRows, LabelledFaces, image_names, subfolders
from engagement.datasets.labels import canonical_emotion
from engagement.errors import DataError

#: The challenge's classes, in its order.
CLASSES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
_SPELLINGS = {"angrer": "anger"}


def read_lsd_validation(root: Path) -> LabelledFaces:
    """List the real images on which the challenge is judged.

    Args:
        root: the folder that holds ``validation_set_real_images``, or that folder itself.

    Raises:
        DataError: `root` is laid out otherwise.
    """
    folder = root
    if not any(_emotion(name) in CLASSES for name in _names(root)):
        folder = child_folder(
            root,
            ("validation_set_real_images",),
            wanted="one folder of images for each of ANGRER, DISGUST, FEAR, HAPPINESS, SADNESS, "
            "SURPRISE",
        )
    rows = FaceRows()
    for name in subfolders(folder):
        emotion = _emotion(name)
        if emotion not in CLASSES:
            rows.skip(f"in {name}/", len(image_names(folder / name)))
            continue
        for file in image_names(folder / name):
            rows.add(f"{name}/{file}", CLASSES.index(emotion))
    return rows.collect(folder, CLASSES)


def _names(root: Path) -> list[str]:
    if not root.is_dir():
        raise DataError(f"There is no folder {root}. Name the folder of the data set.")
    return subfolders(root)


def _emotion(name: str) -> str:
    emotion = canonical_emotion(name)
    return _SPELLINGS.get(emotion, emotion)
