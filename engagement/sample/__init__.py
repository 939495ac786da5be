"""The sample recording that comes with the package, for demonstrations and tests."""

from pathlib import Path

_FOLDER = Path(__file__).resolve().parent


def sample_path() -> Path:
    """The sample film (H.264 in MP4, 28 s, 640 x 360). `PROVENANCE.md` beside it says whence."""
    return _FOLDER / "sample.mp4"


def truth_path() -> Path:
    """What the sample holds by construction: absence and intended expressions, as JSON."""
    return _FOLDER / "truth.json"
