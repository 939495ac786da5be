"""The sample recording: present, small, playable, and made by the script that says so."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engagement.sample import sample_path, truth_path

av = pytest.importorskip("av")
np = pytest.importorskip("numpy")

SCRIPT = Path(__file__).resolve().parent.parent / "tools" / "make_sample.py"


def decode(path: Path) -> tuple[list[float], Any]:
    """Times in seconds and grey pictures ``(n, 90, 160)`` of a film."""
    times, pictures = [], []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            times.append(float(frame.pts * frame.time_base))
            pictures.append(frame.reformat(width=160, height=90, format="gray").to_ndarray())
    return times, np.stack(pictures)


def needs_scikit_image() -> None:
    if importlib.util.find_spec("skimage") is None:
        pytest.skip("scikit-image, the portrait's source, is not installed")


def test_is_there_and_small_with_its_provenance() -> None:
    assert 50_000 < sample_path().stat().st_size < 1_000_000
    provenance = sample_path().with_name("PROVENANCE.md").read_text(encoding="utf-8")
    assert "public domain" in provenance


def test_plays_in_browsers() -> None:
    with av.open(str(sample_path())) as container:
        video = container.streams.video[0]
        assert video.codec_context.name == "h264"
        assert video.codec_context.pix_fmt == "yuv420p"
        assert (video.width, video.height) == (640, 360)
    start = sample_path().read_bytes()[:4096]
    assert b"moov" in start, "the index must come first, or a browser waits for the whole file"


def test_decodes_to_its_end_and_lasts_as_long_as_it_says() -> None:
    truth = json.loads(truth_path().read_text(encoding="utf-8"))
    times, pictures = decode(sample_path())
    assert len(times) == round(truth["duration_s"] * truth["fps"])
    assert times[0] == 0
    assert np.allclose(np.diff(times), 1 / truth["fps"], atol=1e-3)
    assert pictures.std() > 10


def test_she_is_in_the_picture_except_when_the_truth_says_absent() -> None:
    truth = json.loads(truth_path().read_text(encoding="utf-8"))
    times, pictures = decode(sample_path())
    (start, end) = truth["absent"][0]
    at = np.asarray(times)
    empty_room = pictures[np.argmin(np.abs(at - (start + end) / 2))].astype(float)
    middle = np.abs(pictures - empty_room)[:, 10:80, 50:100].mean(axis=(1, 2))
    assert middle[(at > start + 0.5) & (at < end - 0.5)].max() < 6
    assert middle[(at < start - 0.5) | (at > end + 0.5)].min() > 20


@pytest.mark.slow
def test_the_script_makes_the_same_film_again(tmp_path: Path) -> None:
    needs_scikit_image()
    film, truth = tmp_path / "again.mp4", tmp_path / "truth.json"
    subprocess.run(
        [sys.executable, str(SCRIPT), str(film), "--truth", str(truth)],
        check=True,
        capture_output=True,
        timeout=600,
    )
    assert json.loads(truth.read_text()) == json.loads(truth_path().read_text())
    shipped_times, shipped = decode(sample_path())
    times, pictures = decode(film)
    assert times == shipped_times
    difference = np.abs(pictures.astype(float) - shipped).mean(axis=(1, 2))
    # Other versions of the libraries may round otherwise; what is seen must not change.
    assert difference.max() < 2.0
