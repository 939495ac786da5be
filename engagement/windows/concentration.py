"""The concentration index: a published rule, not a trained model.

Sharma et al., "Student Engagement Detection Using Emotion Analysis, Eye Tracking and Head Movement
with Machine Learning" (2019, arXiv 1909.12913): the weight of the dominant emotion times a weight
of attention, divided by the largest product. Angles are those from the person's own zero
(`engagement.faces.pose_zero`), so that a camera beside the screen costs nothing. Eyelids cannot be
told from five landmarks, so of the rule's attention states only "facing the screen" and "turned
away" occur here; a frame without a face gives no value, and shows as missing coverage instead of as
distraction.
"""

from dataclasses import dataclass, field

import numpy as np

from engagement.types import Observation

NAME = "concentration_index"

_EMOTION_WEIGHTS = {
    "neutral": 0.9,
    "happiness": 0.6,
    "surprise": 0.6,
    "sadness": 0.3,
    "fear": 0.3,
    "anger": 0.25,
    "disgust": 0.2,
    # Not in the source, which has seven emotions: treated as its nearest neighbour, disgust.
    "contempt": 0.2,
}


@dataclass(frozen=True)
class ConcentrationSettings:
    """Weights of the rule, and where facing the screen ends.

    Attributes:
        emotion_weights: by emotion name.
        facing, turned_away: weights of attention.
        most_yaw_deg, most_pitch_deg: a head turned further from its zero is turned away.
        engaged_from: windows with at least this index are called engaged. The source names no
            such limit for two levels; this is the middle of the scale.
    """

    emotion_weights: dict[str, float] = field(default_factory=lambda: dict(_EMOTION_WEIGHTS))
    facing: float = 5.0
    turned_away: float = 2.0
    most_yaw_deg: float = 30.0
    most_pitch_deg: float = 25.0
    engaged_from: float = 0.5

    @property
    def largest(self) -> float:
        """The largest product of weights, 4.5 with the source's."""
        return max(self.emotion_weights.values()) * self.facing


def is_facing(observation: Observation, settings: ConcentrationSettings) -> bool:
    """Whether the head, its angles taken from the person's zero, is turned to the screen."""
    return (
        abs(observation.yaw) <= settings.most_yaw_deg
        and abs(observation.pitch) <= settings.most_pitch_deg
    )


def concentration(
    observation: Observation, classes: tuple[str, ...], settings: ConcentrationSettings
) -> float:
    """Index in 0..1 of one observation, its angles taken from the person's zero."""
    dominant = classes[int(np.argmax(observation.expression.probabilities))]
    attention = settings.facing if is_facing(observation, settings) else settings.turned_away
    return settings.emotion_weights[dominant] * attention / settings.largest
