"""AFEW, as the EmotiW challenges distribute it.

    Train_AFEW/<Emotion>/<clip>.avi
    Train_AFEW/AlignedFaces_LBPTOP_Points/Faces/<clip>/<image>
    Val_AFEW/<Emotion>/<clip>.avi
    Val_AFEW/AlignedFaces_LBPTOP_Points_Val/Faces/<clip>/<image>

Frames that were extracted from the clips are looked for in any folder ``frames/<clip>/``.
"""

from collections.abc import Iterator
from pathlib import Path

from engagement.datasets.clips import Clip, ClipSet, Kind, child_folder, is_image, is_video
from engagement.datasets.labels import canonical_emotion
from engagement.errors import DataError
from engagement.networks.spec import SEVEN_EMOTIONS

_TRAIN = ("Train_AFEW", "Train")
_VALIDATION = ("Val_AFEW", "Val")


def read_afew(root: Path, source: Kind = "video") -> ClipSet:
    """List AFEW's training and validation clips.

    Args:
        root: the folder that holds both parts.
        source: take faces from the `video` files, from `frames` extracted from them, or from the
            aligned `faces` of the distribution. A clip of which there is no such folder keeps its
            label and has no path.

    Raises:
        DataError: `root` is laid out otherwise.
    """
    return ClipSet(
        SEVEN_EMOTIONS,
        _clips(child_folder(root, _TRAIN, wanted="the training clips"), "train", source),
        _clips(child_folder(root, _VALIDATION, wanted="the validation clips"), "val", source),
    )


def _clips(part: Path, name: str, source: Kind) -> tuple[Clip, ...]:
    labelled = list(_labelled(part))
    if not labelled:
        raise DataError(
            f"{part} has no clips laid out as <Emotion>/<clip>.avi with the emotions Angry, "
            "Disgust, Fear, Happy, Neutral, Sad and Surprise. Name the folder that holds "
            "Train_AFEW and Val_AFEW."
        )
    folders = dict(_folders(part, source)) if source != "video" else {}
    if source != "video" and not folders:
        raise DataError(
            f"{part} has no folder of {source} a clip, such as "
            f"{'AlignedFaces_LBPTOP_Points/Faces' if source == 'faces' else 'frames'}/<clip>/. "
            "Choose --source video, or put them there."
        )
    clips = (
        Clip(
            f"{name}/{video.relative_to(part).as_posix()}",
            label,
            video if source == "video" else folders.get(video.stem),
            source,
        )
        for label, video in labelled
    )
    return tuple(sorted(clips, key=lambda clip: clip.key))


def _labelled(part: Path) -> Iterator[tuple[int, Path]]:
    """Label and file of every clip, by the emotion of the folder that it lies in."""
    for folder in sorted(p for p in part.iterdir() if p.is_dir()):
        emotion = canonical_emotion(folder.name)
        if emotion in SEVEN_EMOTIONS:
            for path in sorted(p for p in folder.rglob("*") if is_video(p)):
                yield SEVEN_EMOTIONS.index(emotion), path


def _folders(part: Path, source: Kind) -> Iterator[tuple[str, Path]]:
    """Folders of one clip's images: below a folder ``faces...`` or ``frames...``."""
    for folder in sorted(p for p in part.rglob("*") if p.is_dir()):
        above = folder.parent.name.lower()
        if above.startswith(source) and any(is_image(p) for p in folder.iterdir()):
            yield folder.name, folder
