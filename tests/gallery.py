"""A small gallery view of a meeting: the sample's student and the shared clips' people."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "engagement" / "sample" / "sample.mp4"
CLIPS = ROOT.parent / "shared" / "data" / "clips"
NEEDED = (CLIPS / "WolfgangLanger_Pexels.mp4", CLIPS / "single_face.mp4")
WHY_NOT = "the shared clips, of whose people the meeting is made, are not beside this checkout"


def have_clips() -> bool:
    return all(path.exists() for path in NEEDED)


def compose_gallery(path: Path, seconds: float = 4.0) -> Path:
    """Sofia, Wanda and Kim in three of four tiles; at half time the first two swap."""
    people = dict(zip(("Sofia Student", "Wanda Actor", "Kim Lee"), (SAMPLE, *NEEDED), strict=True))
    named = [word for name, clip in people.items() for word in ("--person", f"{name}={clip}")]
    tool = [sys.executable, str(ROOT / "tools" / "make_gallery.py"), str(path)]
    size = ["--seconds", str(seconds), "--fps", "5", "--width", "960", "--height", "540"]
    subprocess.run([*tool, *named, *size], check=True, env={"PYTHONPATH": str(ROOT)})
    return path
