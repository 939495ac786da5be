"""Clips show their stretch and no other, and nobody but the student in it."""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from engagement.faces.detector import FaceDetector
from engagement.files import sha256_of
from engagement.report.schema import Analysis
from engagement.sample import sample_path
from engagement.summaries.faces import FacePlaces
from engagement.summaries.schema import LessonSummary
from engagement.summaries.summarise import Recorded, summarise, summarise_class
from engagement.types import Frame
from engagement.video.excerpt import excerpt
from engagement.video.reader import VideoReader
from engagement.video.writing import write_mp4
from tests.engagement.summary_analyses import made

SIZE = (64, 48)


def write_clock(path: Path, times_ms: list[int], *, live: bool = False) -> Path:
    """A film whose brightness tells the time: 20 at zero, 8 more a second."""
    with path.open("wb") as file:

        class Pipe:
            """Can only be written to, as a browser's recorder writes: no index, no length."""

            write = file.write

        target = Pipe() if live else str(path)
        with av.open(target, "w", format="webm" if live else "mp4") as writer:
            stream = writer.add_stream("libvpx" if live else "libx264", rate=30)
            stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
            stream.codec_context.time_base = Fraction(1, 1000)
            for t in times_ms:
                rgb = np.full((SIZE[1], SIZE[0], 3), round(20 + 8 * t / 1000), np.uint8)
                picture = av.VideoFrame.from_ndarray(rgb, format="rgb24")
                picture.pts, picture.time_base = t, Fraction(1, 1000)
                writer.mux(stream.encode(picture))
            writer.mux(stream.encode(None))
    return path


def told(rgb: np.ndarray) -> float:
    """The time that a picture of the clock tells, in seconds."""
    return (float(rgb.mean()) - 20) / 8


@pytest.mark.parametrize("live", [False, True])
def test_an_excerpt_is_what_a_player_shows_between_its_times(tmp_path: Path, live: bool) -> None:
    # The frame rate falls in the middle: numbers of frames would lead elsewhere.
    times = [*range(0, 10_000, 50), *range(10_000, 20_000, 400)]
    film = write_clock(tmp_path / "clock", times, live=live)
    found = list(excerpt(film, 12.1, 14.5, 15.0, SIZE))
    assert [frame.t for frame in found] == pytest.approx([12.1, 12.4, 12.8, 13.2, 13.6, 14.0, 14.4])
    # At 12.1 s the picture of 12.0 s is on show.
    shown = [12.0, *(frame.t for frame in found[1:])]
    assert [told(frame.rgb) for frame in found] == pytest.approx(shown, abs=0.3)
    assert len(list(excerpt(film, 2.0, 4.0, 10.0, SIZE))) == 20


def film_and_analysis(folder: Path) -> Recorded:
    """Twelve seconds of the sample, called happy from 2 to 6 s."""
    film = folder / "lesson.mp4"
    frames = (f for f in VideoReader(sample_path(), 10) if f.t < 12)
    write_mp4(film, frames, 12.0)
    analysis = made(lambda t: "happiness" if 2 <= t < 6 else "neutral", duration_s=12.0)
    source = analysis.source.model_copy(
        update={"sha256": sha256_of(film), "file": film.name, "width": 640, "height": 360}
    )
    return Recorded(film, analysis.model_copy(update={"source": source}))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return film_and_analysis(tmp_path_factory.mktemp("film"))


@pytest.fixture(scope="module")
def made_summary(
    recorded: Recorded, tmp_path_factory: pytest.TempPathFactory
) -> tuple[LessonSummary, Path]:
    out = tmp_path_factory.mktemp("summary")
    return summarise(recorded, out), out


def test_a_clip_lasts_as_long_as_its_stretch_and_keeps_no_sound(
    made_summary: tuple[LessonSummary, Path],
) -> None:
    summary, out = made_summary
    [happy] = [m for m in summary.people[0].moments if m.emotion == "happiness"]
    assert (happy.clip.start_s, happy.clip.end_s) == pytest.approx((2, 6), abs=0.5)
    with av.open(str(out / happy.clip.file)) as container:
        stream = container.streams.video[0]
        lasts = float(stream.duration * stream.time_base)
        assert lasts == pytest.approx(happy.clip.end_s - happy.clip.start_s, abs=0.01)
        assert not container.streams.audio


def test_a_caption_stands_over_the_picture_and_changes_with_the_time(
    made_summary: tuple[LessonSummary, Path],
) -> None:
    summary, out = made_summary
    clip = summary.people[0].moments[0].clip
    with av.open(str(out / clip.file)) as container:
        frames = [
            f.to_ndarray(format="rgb24") for f in container.decode(container.streams.video[0])
        ]
    assert frames[0].shape[1] == 640
    strips = [frame[:-360].astype(int) for frame in frames]
    assert len(strips[0]) > 30
    # Words on a dark ground, and a clock at the right that is another one a second later.
    assert strips[0].max() > 200
    assert np.median(strips[0]) < 40
    assert abs(strips[0][:, 500:] - strips[20][:, 500:]).max() > 100


def test_the_summary_says_which_model_and_rule_chose(
    made_summary: tuple[LessonSummary, Path],
) -> None:
    summary, out = made_summary
    written = LessonSummary.model_validate_json((out / "summary.json").read_text())
    assert written == summary
    assert written.engagement.kind == "index"
    assert written.rules.min_probability == 0.5
    assert any("less than three samples" in words for words in written.notes)


def test_the_contact_sheet_has_a_still_of_each_moment(
    made_summary: tuple[LessonSummary, Path],
) -> None:
    summary, out = made_summary
    with Image.open(out / "contact-sheet.jpg") as sheet:
        assert sheet.width > 700
        assert sheet.height > 300
        # As bright as the room in the sample, which no drawn part of the sheet is.
        tiles = np.asarray(sheet.convert("L"))
    assert (tiles > 150).mean() > 0.05 * len(summary.people[0].moments)


def two_people(folder: Path) -> tuple[Recorded, Frame]:
    """Two seconds with one face at the left and one at the right, both known by name."""
    frame = next(iter(VideoReader(sample_path(), 1)))
    both = Frame(0.0, np.concatenate([frame.rgb, frame.rgb[:, ::-1]], axis=1))
    film = folder / "two.mp4"
    write_mp4(film, (Frame(n / 10, both.rgb) for n in range(40)), 4.0)
    faces = sorted(FaceDetector().detect([both])[0], key=lambda face: face.xyxy[0])
    assert len(faces) == 2
    blank = made(lambda _: "happiness", duration_s=4.0)
    tracks = []
    for number, face in enumerate(faces, start=1):
        box = tuple(float(edge) for edge in face.xyxy)
        seen = [o.model_copy(update={"box": box}) for o in blank.tracks[0].observations]
        tracks.append(blank.tracks[0].model_copy(update={"id": number, "observations": seen}))
    source = blank.source.model_copy(
        update={"sha256": sha256_of(film), "width": 1280, "height": 360}
    )
    return Recorded(film, blank.model_copy(update={"tracks": tracks, "source": source})), both


def test_of_two_people_each_clip_shows_one(tmp_path: Path) -> None:
    recorded, _ = two_people(tmp_path)
    summary = summarise(recorded, tmp_path / "out")
    assert [person.track for person in summary.people] == [1, 2]
    for person in summary.people:
        [clip] = [moment.clip for moment in person.moments]
        with av.open(str(tmp_path / "out" / clip.file)) as container:
            pictures = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
        for picture in (pictures[0], pictures[len(pictures) // 2], pictures[-1]):
            assert len(FaceDetector().detect([Frame(0.0, picture)])[0]) == 1
    [moment] = summary.whole_class.moments
    assert (moment.emotion, moment.people, moment.of) == ("happiness", 2, 2)
    assert len(moment.stills) == 2


def test_a_face_is_hidden_between_samples_and_around_its_first_and_last() -> None:
    analysis = made(lambda t: "neutral" if 2 <= t <= 3 else None, duration_s=10)
    track = analysis.tracks[0]
    moving = [
        o.model_copy(update={"box": (100 * n, 0.0, 100 * n + 80, 80.0)})
        for n, o in enumerate(track.observations)
    ]
    places = FacePlaces(track.model_copy(update={"observations": moving}))
    x1, _, x2, _ = places.at(2.1)
    assert (x1, x2) == (0, 180)  # from where it was to where it will be
    assert places.at(1.5) is not None
    assert places.at(3.5) is not None
    assert places.at(6.0) is None


def test_a_class_summary_shows_stills_and_says_what_its_clock_cannot(tmp_path: Path) -> None:
    first = film_and_analysis(tmp_path)
    summary = summarise_class([first, first], tmp_path / "out", of=5)
    moments = summary.whole_class.moments
    assert {m.emotion for m in moments} == {"happiness", "neutral"}
    for moment in moments:
        assert [still.source for still in moment.stills] == [0, 1]
        assert all((tmp_path / "out" / still.file).is_file() for still in moment.stills)
    assert any("began at different moments" in words for words in summary.notes)


def test_recordings_of_other_models_are_left_out_and_that_is_said(tmp_path: Path) -> None:
    one = film_and_analysis(tmp_path)
    models = one.analysis.models
    other = models.model_copy(
        update={"expression": models.expression.model_copy(update={"name": "another"})}
    )
    odd = Recorded(one.video, one.analysis.model_copy(update={"models": other}))
    summary = summarise_class([one, one, odd], tmp_path / "out", of=3)
    assert summary.whole_class.people == 2
    assert any("1 of 3 recordings were analysed with other models" in w for w in summary.notes)


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "engagement.cli", "summarize", *words],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_writes_a_folder_that_can_be_opened(recorded: Recorded, tmp_path: Path) -> None:
    analysis = tmp_path / "analysis.json"
    analysis.write_text(recorded.analysis.to_json())
    out = tmp_path / "out"
    done = command(
        str(recorded.video), "--analysis", str(analysis), "--out", str(out), "--format", "gif",
        "--most", "1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Happiness" in done.stdout
    page = (out / "index.html").read_text()
    for moment in json.loads((out / "summary.json").read_text())["people"][0]["moments"]:
        assert moment["clip"]["file"].endswith(".gif")
        assert moment["clip"]["file"] in page
        assert (out / moment["clip"]["file"]).is_file()
    assert "a published rule, not a trained model" in page
    assert not [line for line in page.splitlines() if "<script" in line or "http" in line]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda a: a.source.model_copy(update={"sha256": "0" * 64}), "was not made of"),
        (lambda a: None, "is not an analysis"),
    ],
)
def test_an_analysis_of_something_else_is_refused_in_a_sentence(
    recorded: Recorded, tmp_path: Path, spoil: object, words: str
) -> None:
    source = spoil(recorded.analysis)
    file = tmp_path / "analysis.json"
    file.write_text(
        recorded.analysis.model_copy(update={"source": source}).to_json() if source else "{}"
    )
    done = command(str(recorded.video), "--analysis", str(file), "--out", str(tmp_path / "out"))
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_track_that_is_not_there_is_refused(recorded: Recorded, tmp_path: Path) -> None:
    file = tmp_path / "analysis.json"
    file.write_text(recorded.analysis.to_json())
    done = command(
        str(recorded.video), "--analysis", str(file), "--out", str(tmp_path / "out"),
        "--track", "7",
    )  # fmt: skip
    assert done.returncode == 2
    assert "There is no track 7" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_real_face_that_leaves_gives_only_what_it_shows(clips: Path, tmp_path: Path) -> None:
    from engagement.pipeline import Analyzer

    video = clips / "WolfgangLanger_Pexels.mp4"
    analysis: Analysis = Analyzer("mobilenet_7_fer").analyze(video).analysis
    summary = summarise(Recorded(video, analysis), tmp_path / "out")
    # She cries first and laughs then.
    emotions = [m.emotion for m in summary.people[0].moments if m.kind == "emotion"]
    assert emotions == ["sadness", "happiness"]
    for moment in summary.people[0].moments:
        assert moment.clip.end_s - moment.clip.start_s <= summary.rules.longest_clip_s + 1e-6
        assert (tmp_path / "out" / moment.clip.file).stat().st_size > 10_000


def test_a_small_face_fills_its_clip(tmp_path: Path) -> None:
    frame = next(iter(VideoReader(sample_path(), 1)))
    tile = cv2.resize(frame.rgb, (240, 136), interpolation=cv2.INTER_AREA)
    wall = np.full((720, 1280, 3), 40, np.uint8)
    wall[20:156, 30:270] = tile
    film = tmp_path / "gallery.mp4"
    write_mp4(film, (Frame(n / 10, wall) for n in range(40)), 4.0)
    analysis = made(lambda _: "happiness", duration_s=4.0)
    seen = [
        o.model_copy(update={"box": (127.0, 61.0, 163.0, 110.0)})
        for o in analysis.tracks[0].observations
    ]
    track = analysis.tracks[0].model_copy(update={"observations": seen})
    source = analysis.source.model_copy(update={"width": 1280, "height": 720})
    recorded = Recorded(film, analysis.model_copy(update={"tracks": [track], "source": source}))
    [moment] = summarise(recorded, tmp_path / "out").people[0].moments
    with av.open(str(tmp_path / "out" / moment.clip.file)) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="rgb24")
    [face] = FaceDetector().detect([Frame(0.0, picture)])[0]
    assert (face.xyxy[2] - face.xyxy[0]) / picture.shape[1] > 0.2


def test_sound_is_refused_for_a_picture_that_has_none(recorded: Recorded, tmp_path: Path) -> None:
    done = command(
        str(recorded.video), "--out", str(tmp_path / "out"), "--format", "gif", "--sound"
    )
    assert done.returncode == 2
    assert "A gif has no sound" in done.stderr
