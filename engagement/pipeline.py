"""Video in, analysis out.

The one place where the steps meet: sample, detect, track, crop, recognise, report. Frames are
handled in small batches, so that memory does not grow with the recording's length; what grows is
the observations (about 4 kB each, most of it the embedding).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from engagement.errors import VideoError
from engagement.expressions.recognizer import ExpressionRecognizer
from engagement.faces.detector import DetectorSettings, FaceDetector
from engagement.faces.identity import FaceIdentity
from engagement.faces.pose import head_pose
from engagement.faces.tracking import FaceTracker, TrackerSettings, real_tracks
from engagement.files import sha256_of
from engagement.report import build, schema
from engagement.report.embeddings import write_embeddings
from engagement.report.group_affect import build_group_affect, group_rule
from engagement.report.made_by import check_levels, engagement_model, engagement_warnings
from engagement.report.sampled import ReportSettings, Sampled, WindowSettings
from engagement.runtimes.base import RuntimeSettings
from engagement.types import Frame, Observation, TrackedFace, VideoInfo
from engagement.video.decoding import Decoded
from engagement.video.probe import probe
from engagement.video.reader import VideoReader
from engagement.weights.bundled import load_identity
from engagement.windows.concentration import ConcentrationSettings
from engagement.windows.estimators import AUTO, TrainedEngagement, open_engagement
from engagement.windows.group_classifier import open_group_classifier

DEFAULT_FPS = 5.0
_BATCH = 8

#: Called with (seconds done, seconds in all). May raise to stop the analysis.
OnProgress = Callable[[float, float], None]


@dataclass(frozen=True)
class Settings:
    """Every setting of an analysis, with the defaults that the documentation describes.

    `group_affect` is a classifier's file, which `engagement evaluate vgaf --save` writes; without
    one, the rule judges.
    """

    fps: float = DEFAULT_FPS
    detector: DetectorSettings = field(default_factory=DetectorSettings)
    tracker: TrackerSettings = field(default_factory=TrackerSettings)
    windows: WindowSettings = field(default_factory=WindowSettings)
    concentration: ConcentrationSettings = field(default_factory=ConcentrationSettings)
    runtime: RuntimeSettings = field(default_factory=RuntimeSettings)
    group_affect: Path | None = None


@dataclass(frozen=True)
class AnalysisResult:
    """An analysis and what belongs beside it.

    Attributes:
        analysis: the contract.
        observations: every observation with its embedding, in the analysis' order.
    """

    analysis: schema.Analysis
    observations: tuple[Observation, ...]

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
    """

    def __init__(
        self,
        model: str = "auto",
        settings: Settings | None = None,
        *,
        weights: Path | str | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self._recognizer = ExpressionRecognizer.open(
            model,
            weights=None if weights is None else Path(weights),
            runtime=self.settings.runtime,
        )
        self._detector = FaceDetector(self.settings.detector)
        self._identity = FaceIdentity(load_identity())
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
            native: take every frame, as the published classifier is used; `fps` does not count.
            checkpoint: a folder, made where it is absent, in which the run keeps what it has so
                far. A run that finds what a killed one of the same recording, models and settings
                left there goes on from it; anything else there is begun anew. The folder is
                removed when the analysis is complete, and left when it is stopped.

        Raises:
            VideoError: it cannot be read as a video, or is incomplete.
            ModelError: there is no such classifier, or it does not take these embeddings.
            OutputError: nothing can be written to the checkpoint's folder.
        """
        del checkpoint
        path = Path(video)
        trained = self.open_engagement(engagement, native=native)
        fps = self.settings.fps if fps is None else fps
        check_sampling(fps)
        info = probe(path)
        # Hashed before it is analysed: a file may be erased while its analysis runs.
        sha256 = sha256_of(path)
        reader = VideoReader(path, 0.0 if native else fps)
        times, observations = self._watch(reader, info, on_progress)
        duration_s = max(reader.decoded.end_s, times[-1])
        if on_progress:
            on_progress(duration_s, duration_s)
        rate_fps = len(times) / duration_s if native else fps
        sampled = self._sampled(times, duration_s, observations, rate_fps if native else None)
        source = source_of(path, info, sha256, duration_s)
        analysis = self.report(
            source,
            rate_fps,
            sampled,
            damaged=reader.decoded.damaged,
            trained=trained,
            native=native,
        )
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

    def _watch(
        self, reader: VideoReader, info: VideoInfo, on_progress: OnProgress | None
    ) -> tuple[list[float], list[Observation]]:
        """Times of all frames looked at, and what was observed in them."""
        times: list[float] = []
        observations: list[Observation] = []
        tracker = FaceTracker(self._identity.describe, self.settings.tracker)
        for batch in batches(reader, _BATCH):
            times += [frame.t for frame in batch]
            observations += self._observe(batch, tracker)
            if on_progress:
                total = expected_s(info, reader.decoded)
                on_progress(min(batch[-1].t, total), total)
        return times, observations

    def _observe(self, batch: list[Frame], tracker: FaceTracker) -> list[Observation]:
        tracked: list[TrackedFace] = []
        crops = []
        for frame, faces in zip(batch, self._detector.detect(batch), strict=True):
            for found in tracker.update(frame, faces):
                tracked.append(found)
                crops.append(self._recognizer.crop(frame, found.face))
        return [
            Observation(found.track_id, found.t, found.face, expression, *pose)
            for found, expression, pose in zip(
                tracked,
                self._recognizer.recognise(crops),
                (head_pose(found.face.landmarks) for found in tracked),
                strict=True,
            )
        ]

    def _sampled(
        self,
        times: list[float],
        duration_s: float,
        observations: list[Observation],
        native_fps: float | None,
    ) -> Sampled:
        min_faces = self.settings.tracker.min_faces
        if native_fps is not None:  # a false alarm lasts as long in more frames
            min_faces = max(min_faces, round(min_faces * native_fps / DEFAULT_FPS))
        kept = sorted(real_tracks([o.track_id for o in observations], len(times), min_faces))
        renumbered = {track_id: number for number, track_id in enumerate(kept, start=1)}
        ordered = sorted(
            (
                replace(o, track_id=renumbered[o.track_id])
                for o in observations
                if o.track_id in renumbered
            ),
            key=lambda o: (o.track_id, o.t),
        )
        return Sampled(tuple(times), duration_s, tuple(ordered), self._recognizer.spec.classes)

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
        summary = main.summary if main else build.EMPTY_SUMMARY
        return schema.Analysis(
            source=source,
            sampling_fps=fps,
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


def batches(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
    """The frames in lists of `size`, the last one shorter; one list at a time is in memory."""
    iterator = iter(frames)
    while batch := list(islice(iterator, size)):
        yield batch


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
