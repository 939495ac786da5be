"""What is told of the people of one recording before anybody is analysed: `engagement.people/1`.

`engagement people` writes it as people.json. Light on purpose, as `engagement.report.schema` is.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from engagement.report import schema


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class PersonFacts(_Strict):
    """One person. `thumbnail` is a file beside this one."""

    id: int = Field(ge=1)
    first_s: schema.Seconds
    last_s: schema.Seconds
    seen_share: schema.Probability = Field(
        description="Share of the sampled frames with this person's face."
    )
    observations: int = Field(ge=1)
    thumbnail: str
    name_tag: schema.NameTag | None = None


class PeopleFacts(_Strict):
    """Everybody who was told apart in one recording, in order of their ids."""

    schema_: Literal["engagement.people/1"] = Field(default="engagement.people/1", alias="schema")
    source: schema.Source
    sampling_fps: float = Field(gt=0.0)
    damaged: int
    detector: schema.Detector
    people: list[PersonFacts]
    warnings: list[schema.AnalysisWarning]

    def to_json(self) -> str:
        """Its text, keys by their published names."""
        return self.model_dump_json(by_alias=True, indent=2)
