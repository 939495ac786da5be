"""Video in, analysis out.

The one place where the steps meet: sample, find faces, track, recognise, report. What is observed
lies on disk while a recording is watched (`engagement.stages`), so that memory hardly grows with
its length.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engagement._version import __version__
from engagement.errors import VideoError
from engagement.expressions.recognizer import ExpressionRecognizer
from engagement.faces.detector import DetectorSettings, FaceDetector
from engagement.faces.following import FaceFollower, FollowSettings
from engagement.faces.identity import FaceIdentity
from engagement.faces.tracking import FaceTracker, TrackerSettings, real_tracks
from engagement.files import sha256_of
from engagement.report import build, schema
from engagement.report.embeddings import write_embeddings
from engagement.report.group_affect import build_group_affect, group_rule
from engagement.report.made_by import check_levels, engagement_model, engagement_warnings
from engagement.report.nothing_seen import EMPTY_SUMMARY
from engagement.report.passed_over import adaptive_sampling, with_passed_over
from engagement.report.sampled import ReportSettings, Sampled, WindowSettings
from engagement.runtimes.base import RuntimeSettings
from engagement.stages.adaptive_watching import AdaptiveWatcher
from engagement.stages.checkpoint import KeptRun
from engagement.stages.log import ObservationLog
from engagement.stages.watching import Watcher
from engagement.types import Observation, VideoInfo
from engagement.video.container import check_hardware
from engagement.video.decoding import Decoded
from engagement.video.probe import probe
from engagement.video.reader import VideoReader
from engagement.windows.adaptive import AdaptiveSettings
from engagement.windows.concentration import ConcentrationSettings
from engagement.windows.estimators import AUTO, TrainedEngagement, open_engagement
from engagement.windows.group_classifier import open_group_classifier

DEFAULT_FPS = 5.0

#: Called with (seconds done, seconds in all). May raise to stop the analysis.
OnProgress = Callable[[float, float], None]


@dataclass(frozen=True)
class Settings:
    """Every setting of an analysis, with the defaults that the documentation describes.

    `group_affect` is a classifier's file, which `engagement evaluate vgaf --save` writes; without
    one, the rule judges. With `adaptive`, frames are passed over where nothing changes; None looks
    at all that are sampled. `hardware_decoding` names a kind of device, ``cuda`` for example.
    """

    fps: float = DEFAULT_FPS
    detector: DetectorSettings = field(default_factory=DetectorSettings)
    follow: FollowSettings = field(default_factory=FollowSettings)
    tracker: TrackerSettings = field(default_factory=TrackerSettings)
    windows: WindowSettings = field(default_factory=WindowSettings)
    concentration: ConcentrationSettings = field(default_factory=ConcentrationSettings)
    runtime: RuntimeSettings = field(default_factory=RuntimeSettings)
    group_affect: Path | None = None
    adaptive: AdaptiveSettings | None = None
    hardware_decoding: str | None = None


@dataclass(frozen=True)
class AnalysisResult:
    """An analysis and what belongs beside it.

    Attributes:
        analysis: the contract.
        observations: every observation with its embedding, in the analysis' order.
    """

    analysis: schema.Analysis
    observations: Sequence[Observation]

    def write_embeddings(self, path: Path | str) -> None:
        """Write the embeddings as Parquet, one row an observation.

        Raises:
            OutputError: the file cannot be written.
        """
        model = self.analysis.models.expression.name
        write_embeddings(self.observations, model, Path(path))


class Analyzer:
    """The loaded models; analyses any number of recordings, one at a time.

    Args:
        model: expression model: ``auto`` (the best one present), a name that ``engagement models``
            lists, or a file that ``engagement train`` wrote.
        weights: a file to take the weights from; it is not verified, and the analysis names it by
            its sha256. `model` then tells what it holds, ``auto`` to read that from the file.

    Raises:
        ModelError: there is no such model, or its weights do not fit.
        VideoError: there is no such kind of device to decode on.
    """

    def __init__(
        self,
        model: str = "auto",
        settings: Settings | None = None,
        *,
        weights: Path | str | None = None,
    ) -> None:
        self.settings = settings or Settings()
        if self.settings.hardware_decoding is not None:
            check_hardware(self.settings.hardware_decoding)
        runtime = self.settings.runtime
        self._recognizer = ExpressionRecognizer.open(
            model,
            weights=None if weights is None else Path(weights),
            runtime=replace(runtime, streams=0),
        )
        self._detector = FaceDetector(self.settings.detector, runtime)
        self._identity = FaceIdentity(runtime)
        group = self.settings.group_affect
        self._group = open_group_classifier(group, self.expression_model) if group else None

    @property
    def expression_model(self) -> str:
        """Name of the model whose embeddings the analyses hold."""
        return self._recognizer.spec.name

    def analyze(
        self,
        video: Path | str,
        *,
        fps: float | None = None,
        on_progress: OnProgress | None = None,
        engagement: str | Path = AUTO,
        native: bool = False,
        checkpoint: Path | str | None = None,
    ) -> AnalysisResult:
        """Analyse one recording.

        Args:
            fps: samples a second; the settings' where it is None.
            on_progress: called with (seconds done, seconds in all), several times a second; may
                raise to stop.
            engagement: what judges engagement: ``auto`` (the published classifier where it is on
                this machine and takes this model's embeddings, else the index),
                ``concentration_index``, ``engagement_single_attention``, or a classifier's file.
            native: take every frame, as the published classifier is used; `fps` and the settings'
                `adaptive` do not count.
            checkpoint: a folder, made where it is absent, in which the run keeps what it has so
                far. A run that finds what a killed one of the same recording, models and settings
                left there goes on from it; anything else there is begun anew. The folder is
                removed when the analysis is complete, and left when it is stopped.

        Raises:
            VideoError: it cannot be read as a video, or is incomplete.
            ModelError: there is no such classifier, or it does not take these embeddings.
            OutputError: nothing can be written to the checkpoint's folder.
        """
        path = Path(video)
        trained = self.open_engagement(engagement, native=native)
        fps = self.settings.fps if fps is None else fps
        check_sampling(fps)
        info = probe(path)
        # Hashed before it is analysed: a file may be erased while its analysis runs.
        sha256 = sha256_of(path)
        run = KeptRun(
            None if checkpoint is None else Path(checkpoint),
            self._bound_to(sha256, 0.0 if native else fps),
        )
        decoded = self._watch(path, 0.0 if native else fps, info, run, on_progress)
        times = run.log.read_times()
        duration_s = max(decoded.end_s, float(times[-1]))
        if on_progress:
            on_progress(duration_s, duration_s)
        rate_fps = len(times) / duration_s if native else fps
        sampled = self._sampled(run.log, times, duration_s, rate_fps if native else None)
        filled = sampled
        if self.settings.adaptive is not None and not native:
            filled = with_passed_over(sampled, run.log.read_passed())
        analysis = self.report(
            source_of(path, info, sha256, duration_s),
            rate_fps,
            filled,
            damaged=decoded.damaged,
            trained=trained,
            native=native,
        )
        run.remove()
        return AnalysisResult(analysis, sampled.observations)

    @property
    def recognizer(self) -> ExpressionRecognizer:
        """The loaded expression model."""
        return self._recognizer

    def open_engagement(
        self, engagement: str | Path, *, native: bool = False
    ) -> TrainedEngagement | None:
        """What judges engagement, as `analyze` takes it; None is the index.

        Raises:
            ModelError: there is no such classifier, or it does not take this model's embeddings.
        """
        trained = open_engagement(engagement, self._recognizer.spec.name, native=native)
        if trained is not None:
            check_levels(trained)
        return trained

    def _bound_to(self, video_sha256: str, fps: float) -> dict[str, str | float]:
        """What has to be the same for a run to be gone on with."""
        settings = self.settings
        return {
            "version": __version__,
            "video": video_sha256,
            "fps": fps,
            "model": f"{self._recognizer.spec.to_json()} {self._recognizer.weights_sha256}",
            "runtime": self._recognizer.runtime,
            "settings": repr(
                (
                    settings.detector,
                    settings.follow,
                    settings.tracker,
                    settings.adaptive,
                    settings.hardware_decoding,
                )
            ),
        }

    def _watch(
        self,
        path: Path,
        fps: float,
        info: VideoInfo,
        run: KeptRun,
        on_progress: OnProgress | None,
    ) -> Decoded:
        """Fill the run's log; what the decoder saw."""
        after = run.state.position if run.state else None
        reader = VideoReader(path, fps, after, self.settings.hardware_decoding)

        def on_frame(t: float) -> None:
            if on_progress:
                total = expected_s(info, reader.decoded)
                on_progress(min(t, total), total)

        parts = (
            self._recognizer,
            FaceFollower(self._detector, self.settings.follow),
            FaceTracker(self._identity.describe, self.settings.tracker),
            run,
        )
        adaptive = self.settings.adaptive if fps else None
        watcher = AdaptiveWatcher(*parts, adaptive) if adaptive else Watcher(*parts)
        watcher.watch(reader, on_frame)
        return reader.decoded

    def _sampled(
        self,
        log: ObservationLog,
        times: NDArray[np.float64],
        duration_s: float,
        native_fps: float | None,
    ) -> Sampled:
        min_faces = self.settings.tracker.min_faces
        if native_fps is not None:  # a false alarm lasts as long in more frames
            min_faces = max(min_faces, round(min_faces * native_fps / DEFAULT_FPS))
        rows = log.read_rows()
        kept = sorted(real_tracks(rows["track_id"].tolist(), len(times), min_faces))
        rows = rows[np.isin(rows["track_id"], kept)]  # a copy
        rows["track_id"] = np.searchsorted(kept, rows["track_id"]) + 1
        ordered = rows[np.lexsort((rows["t"], rows["track_id"]))]
        return Sampled(
            tuple(times.tolist()),
            duration_s,
            log.sequence(ordered),
            self._recognizer.spec.classes,
        )

    def report(
        self,
        source: schema.Source,
        fps: float,
        sampled: Sampled,
        *,
        damaged: int,
        trained: TrainedEngagement | None = None,
        native: bool = False,
    ) -> schema.Analysis:
        """The contract of what was observed.

        Args:
            fps: frames looked at a second.
            damaged: so many parts of the video are missing.
            trained: what judges engagement; None for the index.
            native: whether every frame was taken.
        """
        settings = ReportSettings(self.settings.windows, self.settings.concentration, trained)
        tracks = build.build_tracks(sampled, settings)
        main = build.main_track(tracks)
        summary = main.summary if main else EMPTY_SUMMARY
        return schema.Analysis(
            source=source,
            sampling_fps=fps,
            adaptive=adaptive_sampling(sampled, self.settings.adaptive),
            models=self._models(source, engagement_model(settings, native=native)),
            tracks=tracks,
            presence=build.build_presence(sampled),
            group_affect=build_group_affect(sampled, self.settings.windows, self._group),
            summary=summary,
            warnings=[
                *build.build_warnings(tracks, summary, damaged),
                *engagement_warnings(settings, tracks, fps, native=native),
            ],
        )

    def _models(self, source: schema.Source, engagement: schema.Engagement) -> schema.Models:
        detector, spec = self.settings.detector, self._recognizer.spec
        return schema.Models(
            detector=schema.Detector(
                name=self._detector.name,
                min_face_px=self._detector.min_face_px(source.width, source.height),
                max_side_px=detector.max_side_px,
            ),
            expression=schema.Expression(
                name=spec.name,
                weights_sha256=self._recognizer.weights_sha256,
                classes=list(spec.classes),
                valence_arousal=self._recognizer.valence_arousal,
                runtime=self._recognizer.runtime,
            ),
            engagement=engagement,
            group_affect=group_rule(self._group),
        )


def check_sampling(fps: float) -> None:
    """Refuse rates that make no sense.

    Raises:
        VideoError: out of range.
    """
    if not 0 < fps <= 240:
        raise VideoError(
            f"{fps:g} frames a second cannot be sampled. Choose more than 0 and at most 240.",
            code="bad_sampling",
        )


def source_of(path: Path, info: VideoInfo, sha256: str, duration_s: float) -> schema.Source:
    """The recording as the contract names it."""
    return schema.Source(
        # A name on disk need not be valid text; the contract's is.
        file=path.name.encode("utf-8", "replace").decode(),
        sha256=sha256,
        duration_s=round(duration_s, 3),
        width=info.width,
        height=info.height,
        fps=info.fps,
    )


def expected_s(info: VideoInfo, decoded: Decoded) -> float:
    """Length of the recording: what it claims, else projected from how much has been read."""
    if info.duration_s:
        return info.duration_s
    return decoded.end_s / decoded.share if decoded.share else decoded.end_s


def analyze(
    video: Path | str,
    *,
    fps: float = DEFAULT_FPS,
    model: str = "auto",
    weights: Path | str | None = None,
    on_progress: OnProgress | None = None,
    engagement: str | Path = AUTO,
    native: bool = False,
) -> AnalysisResult:
    """Analyse one recording: who was in sight, which emotions, how engaged, how sure.

    Args:
        video: path of the recording.
        fps: samples a second of presentation time.
        model, weights: expression model, see `Analyzer`.
        on_progress: called with (seconds done, seconds in all); may raise to stop.
        engagement, native: what judges engagement, on which frames; see `Analyzer.analyze`.

    Raises:
        VideoError: the recording cannot be read as a video, or is incomplete.
        ModelError: there is no such model, or the classifier does not take its embeddings.

    Call it often? `Analyzer` keeps the models loaded.
    """
    analyzer = Analyzer(model, weights=weights)
    return analyzer.analyze(
        video, fps=fps, on_progress=on_progress, engagement=engagement, native=native
    )
