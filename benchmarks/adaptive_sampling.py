"""What adaptive sampling costs in error, beside even sampling of as many frames.

    python -m benchmarks.adaptive_sampling [VIDEO ...] [--model NAME] [--q Q ...] [--small]

Every frame of a recording is looked at once. From that, reports are made as if only some frames had
been looked at: those of the default rate (dense); those that adaptive sampling chooses of them; and
as many at an even rate (sparse), which is what adaptive sampling has to be better than. Both are
held against the dense report, and so is the dense report of the same recording begun one frame
later, which tells how exact the dense one is itself. Each recording is begun at several frames, and
the errors of all beginnings are taken together, since where a grid begins is chance.

Short recordings are played several times in a row. A quarter of their speed stands for somebody
calmer than an actor who pulls faces; there are no lessons among the test data. The defaults of the
rule were chosen on the packaged sample: its rows are marked, and flatter.

Rows that end in "run" are whole analyses instead, with the processor time that they took as a share
of the dense one's. In these a face is followed over longer steps, so that its box, and with it the
network's answer, differs a little from the dense analysis' in the same frame, too.

``--small`` takes a moment, and fails where adaptive sampling is no better than sparse sampling.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import videos
from benchmarks.measuring import Bound, Told, environment, finish, now, table, workplace
from engagement.pipeline import DEFAULT_FPS, AnalysisResult, Analyzer, Settings
from engagement.report import build, schema
from engagement.report.passed_over import with_passed_over
from engagement.report.sampled import ReportSettings, Sampled, WindowSettings
from engagement.sample import sample_path
from engagement.types import Expression, Observation
from engagement.video.reader import VideoReader
from engagement.windows.adaptive import AdaptiveSettings, ChangeTest, Look, blocks
from engagement.windows.concentration import ConcentrationSettings
from engagement.windows.sliding import windows_over

ADAPTIVE, SPARSE = "adaptive", "even, as many"
LATER, RUN = "all, a frame later", ", run"
_CLIPS = ("WolfgangLanger_Pexels.mp4", "face_noface.mov", "single_face.mp4")
_LEAST_S = 60.0
_BEGINNINGS = 4
_SLOWER = 4
_WINDOWS = WindowSettings()
_REPORT = ReportSettings(_WINDOWS, ConcentrationSettings())
_COLUMNS = (
    "recording", "sampling", "looked at", "emotion shares", "windows' emotions",
    "windows' engagement", "mean engagement", "face share", "time",
)  # fmt: skip
_FIGURES = ("shares", "emotions", "engagement", "mean", "face")
Errors = Mapping[str, list[float]]
Figure = dict[Any, float]


@dataclass(frozen=True)
class Watched:
    """A recording of which every frame was looked at.

    Attributes:
        times: of all frames.
        observations: by track and time.
    """

    name: str
    times: list[float]
    observations: list[Observation]
    duration_s: float
    classes: tuple[str, ...]

    def sampled(self, times: Sequence[float]) -> Sampled:
        """As if only these frames had been looked at."""
        chosen = set(times)
        seen = [o for o in self.observations if o.t in chosen]
        return Sampled(tuple(times), self.duration_s, seen, self.classes)

    def played(self, least_s: float) -> "Watched":
        """Several times in a row, so often that it lasts long enough."""
        plays = max(1, round(least_s / self.duration_s))
        starts = [n * self.duration_s for n in range(plays)]
        again = [replace(o, t=o.t + start) for start in starts for o in self.observations]
        return replace(
            self,
            name=f"{self.name} x {plays}" if plays > 1 else self.name,
            times=[t + start for start in starts for t in self.times],
            observations=sorted(again, key=lambda o: (o.track_id, o.t)),
            duration_s=plays * self.duration_s,
        )

    def slower(self, times: int) -> "Watched":
        """So many times as long."""
        return replace(
            self,
            name=f"{self.name}, speed 1/{times}",
            times=[t * times for t in self.times],
            observations=[replace(o, t=o.t * times) for o in self.observations],
            duration_s=self.duration_s * times,
        )


@dataclass(frozen=True)
class Row:
    """One line of the table: errors of all beginnings taken together."""

    recording: str
    sampling: str
    looked_at: float
    errors: Errors
    time: float | None = None

    def mean(self, figure: str) -> float:
        return float(np.mean(self.errors[figure])) if self.errors[figure] else float("nan")

    def worst(self, figure: str) -> float:
        return float(np.max(self.errors[figure])) if self.errors[figure] else float("nan")


def watch(analyzer: Analyzer, video: Path) -> Watched:
    """Look at every frame of a recording; its observations are in memory afterwards."""
    result = analyzer.analyze(video, native=True, engagement="concentration_index")
    return Watched(
        video.name,
        [frame.t for frame in VideoReader(video, 0)],
        [replace(o, expression=_in_memory(o.expression)) for o in result.observations],
        result.analysis.source.duration_s,
        tuple(result.analysis.models.expression.classes),
    )


def _in_memory(one: Expression) -> Expression:
    return Expression(one.probabilities, one.embedding, one.valence, one.arousal)


def grid(times: Sequence[float], fps: float, begin: int) -> list[float]:
    """The frames that are sampled at an even rate, from the frame `begin` on; as `VideoReader`."""
    step_s, early_s = 1 / fps, float(np.median(np.diff(times))) / 2
    due_s = times[begin]
    found = []
    for t in times[begin:]:
        if t + early_s >= due_s:
            due_s = due_s + step_s if t - due_s < step_s else t + step_s
            found.append(t)
    return found


def chosen(watched: Watched, times: Sequence[float], settings: AdaptiveSettings) -> list[float]:
    """Which frames of the grid adaptive sampling looks at."""
    looks = _looks(watched, times)
    frames = [looks[t] for t in times]
    test = ChangeTest(settings)
    found: list[float] = []
    before: _Seen | None = None
    for block in blocks(frames, settings, len(frames)):
        choices = test.choose([len(s) - 1 for s in block], [s[-1].look for s in block])
        for stretch, choice in zip(block, choices, strict=True):
            line = [*([] if before is None else [before]), *stretch]
            for a, b in list(pairwise(line))[: choice.pairs]:
                test.learn(a.look, b.look)
            before = stretch[-1]
            found += [one.t for one in (*stretch[: choice.frames], before)]
    return found


@dataclass(frozen=True)
class _Seen:
    t: float
    look: Look


def _looks(watched: Watched, times: Sequence[float]) -> dict[float, _Seen]:
    by_time: dict[float, list[Observation]] = defaultdict(list)
    for o in watched.observations:
        by_time[o.t].append(o)
    return {t: _Seen(t, look_at(by_time[t], len(watched.classes))) for t in times}


def look_at(faces: Sequence[Observation], classes: int) -> Look:
    """What the rule is told of the faces of a frame."""
    return Look(
        np.array([o.face.xyxy for o in faces], np.float32).reshape(-1, 4),
        np.array([o.expression.embedding for o in faces], np.float32).reshape(len(faces), -1)
        if faces
        else np.empty((0, 0), np.float32),
        np.array([o.expression.probabilities for o in faces], np.float32).reshape(-1, classes),
    )


def errors(dense: Sampled, other: Sampled) -> dict[str, list[float]]:
    """Absolute errors of one report's figures against the dense report's."""
    return _apart(_figures(dense), _figures(other))


def _apart(ours: Mapping[str, Figure], theirs: Mapping[str, Figure]) -> dict[str, list[float]]:
    return {
        name: [
            abs(ours[name][key] - theirs[name][key]) for key in ours[name] if key in theirs[name]
        ]
        for name in _FIGURES
    }


def _figures(sampled: Sampled) -> dict[str, Figure]:
    tracks = build.build_tracks(sampled, _REPORT)
    main = build.main_track(tracks)
    face: Figure = {None: build.build_presence(sampled).face_share}
    if main is None:
        return {name: {} for name in _FIGURES} | {"face": face}
    mean = main.summary.mean_engagement
    return {
        "shares": dict(main.summary.emotion_share),
        "emotions": dict(_window_emotions(sampled)),
        "engagement": {w.start_s: w.engagement for w in main.windows},
        "mean": {} if mean is None else {None: mean},
        "face": face,
    }


def _window_emotions(sampled: Sampled) -> Iterator[tuple[object, float]]:
    """Each emotion's mean probability in each window, over all faces."""
    times = np.array([o.t for o in sampled.observations])
    table_ = np.array([o.expression.probabilities for o in sampled.observations])
    for span in windows_over(sampled.duration_s, _WINDOWS.window_s, _WINDOWS.stride_s):
        inside = (times >= span.start_s) & (times < span.end_s)
        if inside.any():
            means: NDArray[np.float64] = table_[inside].mean(axis=0, dtype=np.float64)
            yield from (((span.start_s, n), float(p)) for n, p in enumerate(means))


def measure(watched: Watched, settings: AdaptiveSettings, beginnings: int) -> list[Row]:
    """Adaptive sampling, even sampling of as many frames, and a later begin, against dense."""
    found: dict[str, dict[str, list[float]]] = {}
    looked = []
    for begin in range(beginnings):
        times = grid(watched.times, DEFAULT_FPS, begin)
        some = chosen(watched, times, settings)
        looked.append(len(some) / len(times))
        sparse = grid(watched.times, DEFAULT_FPS * looked[-1], begin)
        dense = watched.sampled(times)
        passed = np.setdiff1d(times, some)
        for name, other in (
            (ADAPTIVE, with_passed_over(watched.sampled(some), passed)),
            (SPARSE, watched.sampled(sparse)),
            (LATER, watched.sampled(grid(watched.times, DEFAULT_FPS, begin + 1))),
        ):
            all_of = found.setdefault(name, {figure: [] for figure in _FIGURES})
            for figure, values in errors(dense, other).items():
                all_of[figure] += values
    share = float(np.mean(looked))
    return [Row(watched.name, n, 1.0 if n == LATER else share, e) for n, e in found.items()]


def run(video: Path, analyzers: Mapping[str, Analyzer], name: str) -> list[Row]:
    """Whole analyses: adaptive, and even of as many frames, against the default rate."""
    results: dict[str, AnalysisResult] = {}
    seconds: dict[str, float] = {}
    for kind, analyzer in analyzers.items():
        looked = results[ADAPTIVE].analysis.adaptive if kind == SPARSE else None
        fps = DEFAULT_FPS * looked.looked_at if looked else DEFAULT_FPS
        before = now()
        results[kind] = analyzer.analyze(video, fps=fps, engagement="concentration_index")
        seconds[kind] = (now() - before).cpu_s
    told = results[ADAPTIVE].analysis.adaptive
    assert told is not None
    dense = results["dense"].analysis
    return [
        Row(
            name,
            kind + RUN,
            told.looked_at,
            _apart(_told(dense, dense), _told(results[kind].analysis, dense)),
            seconds[kind] / seconds["dense"],
        )
        for kind in (ADAPTIVE, SPARSE)
    ]


def _told(analysis: schema.Analysis, dense: schema.Analysis) -> dict[str, Figure]:
    """The figures of an analysis; emotions where the dense one has observations."""
    face: Figure = {None: analysis.presence.face_share}
    main, other = build.main_track(analysis.tracks), build.main_track(dense.tracks)
    if main is None or other is None:
        return {name: {} for name in _FIGURES} | {"face": face}
    at = np.array([o.t for o in other.observations])
    times = np.array([o.t for o in main.observations])
    emotions: Figure = {}
    for name in analysis.models.expression.classes:
        p = np.interp(at, times, [o.emotions[name] for o in main.observations])
        for window in other.windows:
            inside = (at >= window.start_s) & (at < window.end_s)
            emotions[window.start_s, name] = float(p[inside].mean())
    return {
        "shares": dict(main.summary.emotion_share),
        "emotions": emotions,
        "engagement": {w.start_s: w.engagement for w in main.windows},
        "mean": {None: main.summary.mean_engagement or 0.0},
        "face": face,
    }


def recordings(given: Sequence[Path]) -> list[Path]:
    """What is measured: what was given, else the sample and those clips that are here."""
    if given:
        return list(given)
    clips = [videos.data_folder() / "clips" / name for name in _CLIPS]
    return [sample_path(), *(clip for clip in clips if clip.is_file())]


def prepared(watched: Watched, *, small: bool) -> list[Watched]:
    """The recording, often enough in a row, at the speeds that it is measured at."""
    speeds = [watched] if small else [watched, watched.slower(_SLOWER)]
    mark = " (chosen on)" if watched.name == sample_path().name else ""
    return [replace(one, name=one.name + mark) for one in (s.played(_LEAST_S) for s in speeds)]


def whole_runs(given: Sequence[Path], even: Analyzer, model: str) -> list[Row]:
    """Whole analyses of what was given, else of the sample and a clip, repeated."""
    adaptive = Analyzer(model, Settings(adaptive=AdaptiveSettings()))
    analyzers = {"dense": even, ADAPTIVE: adaptive, SPARSE: even}
    rows: list[Row] = []
    with workplace("adaptive") as folder:
        for video in given or dict.fromkeys([sample_path(), videos.clip()]):
            target = folder / f"repeated-{video.name}"
            repeated = videos.repeated(video, target, _LEAST_S)
            rows += run(repeated, analyzers, f"{video.name}, {_LEAST_S:g} s")
    return rows


def gross(rows: Sequence[Row]) -> list[Bound]:
    """What no change may break."""
    adaptive, sparse = (next(r for r in rows if r.sampling == s) for s in (ADAPTIVE, SPARSE))
    return [
        Bound("share of the frames that adaptive sampling looks at", adaptive.looked_at, most=0.8),
        *(
            Bound(f"error of {figure} over sparse sampling's",
                  adaptive.mean(figure) / max(sparse.mean(figure), 1e-6), most=1.0)
            for figure in ("shares", "emotions", "engagement")
        ),
    ]  # fmt: skip


def _cells(row: Row) -> list[str]:
    return [
        row.recording,
        row.sampling,
        f"{row.looked_at:.0%}",
        *(f"{row.mean(figure):.3f}, {row.worst(figure):.3f}" for figure in _FIGURES),
        "" if row.time is None else f"{row.time:.0%}",
    ]


def main() -> int:
    """Measure, print a table and a line of JSON; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.adaptive_sampling")
    parser.add_argument("videos", nargs="*", type=Path)
    parser.add_argument("--model", default="auto")
    parser.add_argument("--q", type=float, nargs="+", default=[AdaptiveSettings().q])
    parser.add_argument("--small", action="store_true", help="a moment; fails if grossly wrong")
    given = parser.parse_args()
    even = Analyzer(given.model)
    rows: list[Row] = []
    for video in [sample_path()] if given.small else recordings(given.videos):
        for watched in prepared(watch(even, video), small=given.small):
            for q in given.q:
                settings = AdaptiveSettings(q=q)
                found = measure(watched, settings, 1 if given.small else _BEGINNINGS)
                mark = "" if len(given.q) == 1 else f", q {q:g}"
                rows += [replace(row, sampling=row.sampling + mark) for row in found]
    if not given.small:
        rows += whole_runs(given.videos, even, given.model)
    made = table(
        f"Errors against {DEFAULT_FPS:g} frames a second: mean, largest ({even.expression_model})",
        _COLUMNS,
        left=2,
    )
    for row in rows:
        made.add_row(*_cells(row))
    told: Told = {"benchmark": "adaptive_sampling", "environment": environment()}
    told["rows"] = [
        {
            "recording": row.recording,
            "sampling": row.sampling,
            "looked_at": round(row.looked_at, 4),
            "time": row.time,
            **{f: [round(row.mean(f), 5), round(row.worst(f), 5)] for f in _FIGURES},
        }
        for row in rows
    ]
    return finish(made, told, gross(rows) if given.small else [])


if __name__ == "__main__":
    raise SystemExit(main())
