"""The JSON contract `engagement.summary/1` of a lesson summary. Light: pydantic only.

Times are seconds of presentation time of the recording. A moment is a stretch of it that was
chosen; its clip is the part that is shown, and may be shorter. File names are those of files
beside the JSON.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from engagement.report.schema import Engagement, Expression, Probability, Seconds, Source

Format = Literal["mp4", "gif", "webp"]
MomentKind = Literal["emotion", "peak", "dip"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Rules(_Strict):
    """What had to be true of a stretch to be chosen."""

    min_probability: Probability = Field(
        default=0.5, description="Least smoothed probability of an emotion that counts as clear."
    )
    min_s: Seconds = Field(default=2.0, description="A clear stretch lasts at least this long.")
    smooth_s: Seconds = Field(default=1.0, description="Probabilities are averaged over this long.")
    most: int = Field(default=2, ge=1, description="Moments of each kind, at most.")
    longest_clip_s: float = Field(default=8.0, gt=0.0)


class Clip(_Strict):
    """What is shown of a moment."""

    file: str
    poster: str
    start_s: Seconds
    end_s: Seconds
    size_bytes: int


class Moment(_Strict):
    """A stretch that was chosen, with the figures that it was chosen for.

    `probability` is the emotion's mean over the stretch; `engagement` that of its windows, beside
    the whole curve's mean and spread (its standard deviation). `coverage` is the share of the
    stretch with a usable face.
    """

    kind: MomentKind
    emotion: str | None = None
    measure: str = Field(
        default="Engagement", description="What engagement is called: an index is no classifier."
    )
    start_s: Seconds
    end_s: Seconds
    probability: Probability | None = None
    engagement: Probability | None = None
    mean_engagement: Probability | None = None
    spread: float | None = Field(default=None, ge=0.0)
    coverage: Probability
    why: str
    clip: Clip | None = None

    @property
    def title(self) -> str:
        """What it shows, in a word or two."""
        return self.emotion.capitalize() if self.emotion else f"{self.measure} {self.kind}"


class PersonSummary(_Strict):
    """One track's moments, in the order of the recording; `missing` says what was not found."""

    track: int
    coverage: Probability
    moments: list[Moment]
    missing: list[str]


class Still(_Strict):
    """One person's picture for a class moment: of which source and track, and when."""

    file: str
    source: int = Field(description="Index in the summary's sources, from zero.")
    track: int
    t: Seconds


class ClassMoment(Moment):
    """A stretch that most of the students who were in view share.

    `people` of the `in_view` students showed it at once (medians over the stretch), of `of` in
    all. Probabilities and engagement are means over those people.
    """

    people: int
    in_view: int
    of: int
    stills: list[Still] = []


class ClassSummary(_Strict):
    """What a class has in common; empty where fewer than two people have data."""

    people: int
    moments: list[ClassMoment]
    missing: list[str]


class LessonSummary(_Strict):
    """The whole: of one recording, or, with `people` empty, of several of one lesson."""

    schema_: Literal["engagement.summary/1"] = Field(default="engagement.summary/1", alias="schema")
    sources: list[Source]
    expression: Expression
    engagement: Engagement
    rules: Rules
    people: list[PersonSummary]
    whole_class: ClassSummary | None = None
    contact_sheet: str | None = None
    notes: list[str]

    def to_json(self) -> str:
        """The contract's text, keys by their published names."""
        return self.model_dump_json(by_alias=True, indent=2)
