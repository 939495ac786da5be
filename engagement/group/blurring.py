"""A copy of a recording to show, in which nobody but the chosen people can be recognised."""

from collections.abc import Collection, Iterator
from pathlib import Path

from engagement.group.analysis import check_same_video
from engagement.group.covering import Covering
from engagement.group.people import People
from engagement.pipeline import OnProgress
from engagement.types import Frame
from engagement.video.blur import blur_faces
from engagement.video.reader import VideoReader
from engagement.video.writing import SoundSource, write_mp4


def blur_others(
    video: Path | str,
    people: People,
    shown: Collection[int],
    out: Path | str,
    *,
    on_progress: OnProgress | None = None,
) -> None:
    """Write a playable MP4 in which every face but the shown people's is blurred, in every frame.

    Between two sampled frames a face is blurred wherever it was in either: when tiles swap, in both
    places. In doubt it is blurred: a shown person's own face is covered too for the one sampling
    step in which somebody else's place becomes theirs.

    Args:
        people: what `find_people` told of this very file.
        shown: ids of the people who stay visible; may be empty.

    Raises:
        DataError: `people` is of another file, or nobody has one of the ids.
        VideoError: the video cannot be read, or nothing here can encode it.
        OutputError: the copy cannot be written.
    """
    path = Path(video)
    people.chosen(shown)
    check_same_video(path, people)
    covering = Covering(people, shown)
    write_mp4(
        Path(out),
        _blurred(path, people, covering, on_progress),
        people.source.duration_s,
        SoundSource(path, float(people.times[0]), people.source.duration_s),
    )


def _blurred(
    path: Path, people: People, covering: Covering, on_progress: OnProgress | None
) -> Iterator[Frame]:
    total = people.source.duration_s
    for frame in VideoReader(path, 0.0):
        if frame.t >= total:  # rounding of the length
            return
        yield Frame(frame.t, blur_faces(frame.rgb, covering.boxes(frame.t)))
        if on_progress:
            on_progress(min(frame.t, total), total)
