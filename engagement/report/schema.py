"""The JSON contract `engagement.analysis/1`: its one definition.

`engagement analyze --json`, the database and the pages agree on this model. Times are seconds of
presentation time, never frame counts; boxes are pixels of the upright frame. Light on purpose:
pydantic only, so that a web process may read a report.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Seconds = Annotated[float, Field(ge=0.0)]
# Two levels, or the four of EngageWild and DAiSEE; lowest first.
Level = Literal["distracted", "engaged", "very low", "low", "high", "very high"]
#: The upper half of the levels, two or four.
ENGAGED_LEVELS: frozenset[str] = frozenset({"engaged", "high", "very high"})
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


class Skill(_Strict):
    """How good a trained classifier was on people whom it had not seen.

    Balanced recall is the mean recall of the levels; `low` and `high` bound its 95% bootstrap
    interval, and `guessing` is what always naming one level gets.
    """

    balanced_recall: Probability
    low: Probability
    high: Probability
    guessing: Probability
    people: int
    windows: int


class Engagement(_Strict):
    """What turned a window into an engagement estimate.

    `trained` is a classifier; `index` is a published rule and is to be labelled so. `rate` says
    which frames it was given: those of `sampling_fps`, or every frame (`native`, as the published
    classifier is used). `scope` is whom a classifier was fitted for.
    """

    name: str
    kind: Kind
    window_s: Seconds
    stride_s: Seconds
    rate: Literal["sampled", "native"] = "sampled"
    levels: list[Level] = ["distracted", "engaged"]
    weights_sha256: str | None = None
    scope: Literal["general", "course", "student"] = "general"
    trained_on: str | None = None
    skill: Skill | None = None


class GroupRule(_Strict):
    """What turned faces into group affect: the rule over emotions, or a trained classifier."""

    name: str = "mean_of_faces"
    kind: Kind = "index"
    weights_sha256: str | None = None


class Adaptive(_Strict):
    """Which of the frames of `sampling_fps` were looked at, where not all were.

    Frames at most `coarse_s` apart were, and those in between only where somebody came or left or a
    test at level `q` said that something changed. `looked_at` is their share. What lies between is
    no observation; for windows and summaries it is taken to have changed evenly.
    """

    coarse_s: float = Field(gt=0.0)
    q: Probability
    looked_at: Probability


class Models(_Strict):
    detector: Detector
    expression: Expression
    engagement: Engagement
    group_affect: GroupRule = GroupRule()


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
    eyes_closed: Probability | None = None


class Signals(_Strict):
    """What can be seen of attention without emotion, over a stretch of one track.

    `facing`, `turned_away` and `head_down` are shares of the time with a usable face, and add up
    to one; angles are taken from the person's own zero (`Track.zero`). `eyes_closed` is a share
    too, None where eyelids cannot be told. `movement` is the median speed of the face in
    face widths a second.
    """

    facing: Probability
    turned_away: Probability
    head_down: Probability
    eyes_closed: Probability | None
    movement: float | None = Field(ge=0.0)


class PoseZero(_Strict):
    """Degrees that a person's head shows while they face the screen.

    A camera beside or above the screen, and a face that is not the generic one, add a constant.
    `estimated` is False where there were too few observations; the angles are then zero.
    """

    yaw: float
    pitch: float
    estimated: bool


class NameTag(_Strict):
    """A name that was read beside a face: a suggestion, never an identification."""

    text: str
    share: Probability = Field(description="Share of the frames looked at that read this name.")


class Window(_Strict):
    """A stretch of a track with one engagement estimate.

    Only stretches in which the track's face was seen have a window: no face, no estimate.
    `spread` is a standard deviation. Of an index: of the single frames' estimates inside the
    window. Of a trained classifier: of its estimates of the same window shifted by up to half its
    length either way, which shows how far the estimate hangs on where exactly the window lies;
    at the native rate, of its windows of 128 frames whose middle frame lies in this one.
    `coverage` is the share of the window's time with a usable face; `level` is None where that
    is too small to call one.
    """

    start_s: Seconds
    end_s: Seconds
    engagement: Probability
    spread: float = Field(ge=0.0)
    level: Level | None
    coverage: Probability
    signals: Signals | None = None


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
    signals: Signals | None = None


class Track(_Strict):
    """One person's face through the recording."""

    id: int
    first_s: Seconds
    last_s: Seconds
    observations: list[Observation]
    windows: list[Window]
    summary: Summary
    zero: PoseZero | None = None
    name_tag: NameTag | None = None


class Presence(_Strict):
    """When any face was seen. `absent` lists the stretches without one."""

    face_share: Probability
    absent: list[tuple[Seconds, Seconds]]


class GroupAffect(_Strict):
    """Share of positive, neutral and negative expression over all faces of a stretch.

    `people` of the recording's tracks were seen in it, which is `face_share` of all of them.
    """

    start_s: Seconds
    end_s: Seconds
    positive: Probability
    neutral: Probability
    negative: Probability
    people: int = 0
    face_share: Probability = 0.0


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
    adaptive: Adaptive | None = Field(None, description="None where every such frame was taken.")
    models: Models
    tracks: list[Track]
    presence: Presence
    group_affect: list[GroupAffect]
    summary: Summary
    warnings: list[AnalysisWarning]

    @property
    def step_s(self) -> float:
        """Frames in a row that were looked at are so far apart at most, as far as there are any."""
        return self.adaptive.coarse_s if self.adaptive else 1.0 / self.sampling_fps

    def to_json(self) -> str:
        """The contract's text, keys by their published names."""
        return self.model_dump_json(by_alias=True, indent=2)


def json_schema() -> dict[str, Any]:
    """The contract as JSON Schema, keys by their published names."""
    return Analysis.model_json_schema(by_alias=True)
