"""The JSON contract `engagement.analysis/1`: its one definition.

`engagement analyze --json`, the database and the pages agree on this model. Times are seconds of
presentation time, never frame counts; boxes are pixels of the upright frame. Light on purpose:
pydantic only, so that a web process may read a report.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Seconds = Annotated[float, Field(ge=0.0)]
Level = Literal["distracted", "engaged"]
Kind = Literal["trained", "index"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Source(_Strict):
    """The recording that was analysed. `width` and `height` are those of the upright frame."""

    file: str
    sha256: str
    duration_s: Seconds
    width: int
    height: int
    fps: float = Field(description="Average frame rate; recordings may have a variable one.")


class Detector(_Strict):
    name: str
    min_face_px: int
    max_side_px: int = Field(description="Frames are shrunk to this longer side for detection.")


class Expression(_Strict):
    """The network that turned faces into emotions."""

    name: str
    weights_sha256: str
    classes: list[str]
    valence_arousal: Literal["predicted", "derived"]
    runtime: str | None = Field(None, description="What ran the network; differences are rounding.")


class Engagement(_Strict):
    """What turned a window into an engagement estimate.

    `trained` is a classifier; `index` is a published rule and is to be labelled so.
    """

    name: str
    kind: Kind
    window_s: Seconds
    stride_s: Seconds


class Models(_Strict):
    detector: Detector
    expression: Expression
    engagement: Engagement


class Observation(_Strict):
    """One face in one sampled frame.

    `yaw` and `pitch` are degrees: positive yaw turns towards the image's right, positive pitch
    looks up. `score` is the detector's probability that the box holds a face.
    """

    t: Seconds
    box: tuple[float, float, float, float]
    score: Probability
    emotions: dict[str, Probability]
    valence: float = Field(ge=-1.0, le=1.0)
    arousal: float = Field(ge=-1.0, le=1.0)
    yaw: float
    pitch: float


class Window(_Strict):
    """A stretch of a track with one engagement estimate.

    Only stretches in which the track's face was seen have a window: no face, no estimate.
    `spread` is the standard deviation of the single frames' estimates inside the window;
    `coverage` is the share of the window's time with a usable face; `level` is None where that
    is too small to call one.
    """

    start_s: Seconds
    end_s: Seconds
    engagement: Probability
    spread: float = Field(ge=0.0)
    level: Level | None
    coverage: Probability


class Summary(_Strict):
    """What a reader sees first. None where there was no face to judge.

    `coverage` is the share of the recording's time with this track's face; `emotion_share` is
    the share of its observations in which each emotion is the most probable one;
    `engagement_spread` is the standard deviation over windows.
    """

    dominant_emotion: str | None
    emotion_share: dict[str, Probability]
    mean_engagement: Probability | None
    engagement_spread: float | None
    engaged_share: Probability | None
    coverage: Probability


class Track(_Strict):
    """One person's face through the recording."""

    id: int
    first_s: Seconds
    last_s: Seconds
    observations: list[Observation]
    windows: list[Window]
    summary: Summary


class Presence(_Strict):
    """When any face was seen. `absent` lists the stretches without one."""

    face_share: Probability
    absent: list[tuple[Seconds, Seconds]]


class GroupAffect(_Strict):
    """Share of positive, neutral and negative expression over all faces of a stretch."""

    start_s: Seconds
    end_s: Seconds
    positive: Probability
    neutral: Probability
    negative: Probability


class AnalysisWarning(_Strict):
    """Something a reader should know before trusting the figures."""

    code: str
    text: str


class Analysis(_Strict):
    """One run of one set of models over one recording."""

    schema_: Literal["engagement.analysis/1"] = Field(
        default="engagement.analysis/1", alias="schema"
    )
    source: Source
    sampling_fps: float = Field(gt=0.0)
    models: Models
    tracks: list[Track]
    presence: Presence
    group_affect: list[GroupAffect]
    summary: Summary
    warnings: list[AnalysisWarning]

    def to_json(self) -> str:
        """The contract's text, keys by their published names."""
        return self.model_dump_json(by_alias=True, indent=2)


def json_schema() -> dict[str, Any]:
    """The contract as JSON Schema, keys by their published names."""
    return Analysis.model_json_schema(by_alias=True)
