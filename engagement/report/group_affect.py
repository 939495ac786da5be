"""Group affect: how a group of faces looks over time."""

from collections.abc import Sequence

import numpy as np

from engagement.errors import DataError
from engagement.report import schema
from engagement.report.sampled import Sampled, WindowSettings, rounded_s
from engagement.types import Floats, Observation
from engagement.windows.group_classifier import GroupAffectClassifier, group_vector
from engagement.windows.sliding import windows_over

#: The rule's name: each face counts once a window, however many frames it was seen in.
RULE = "mean_of_faces"
# Which emotions count as what.
_POSITIVE = frozenset({"happiness", "surprise"})
_NEUTRAL = frozenset({"neutral"})


def build_group_affect(
    sampled: Sampled, settings: WindowSettings, classifier: GroupAffectClassifier | None = None
) -> list[schema.GroupAffect]:
    """Shares of positive, neutral and negative over all faces, window by window.

    By the rule it is the mean over people of each person's mean probabilities; a `classifier`
    judges the statistics of all faces' embeddings instead.

    Raises:
        DataError: the classifier takes embeddings of another length.
    """
    seen = sampled.observations
    # Their order, and not they themselves: observations may lie on disk, and be too many.
    times = np.array([o.t for o in seen])
    in_order = np.argsort(times, kind="stable")
    times = times[in_order]
    everybody = len({o.track_id for o in seen})
    affects = []
    for span in windows_over(sampled.duration_s, settings.window_s, settings.stride_s):
        low, high = np.searchsorted(times, (span.start_s, span.end_s))
        inside = [seen[i] for i in in_order[low:high]]
        if not inside:
            continue
        shares = _judge(inside, classifier) if classifier else _mean(inside, sampled.classes)
        positive, neutral = (round(float(share), 4) for share in shares[:2])
        people = len({o.track_id for o in inside})
        affects.append(
            schema.GroupAffect(
                start_s=rounded_s(span.start_s),
                end_s=rounded_s(span.end_s),
                positive=positive,
                neutral=neutral,
                negative=round(max(0.0, 1 - positive - neutral), 4),
                people=people,
                face_share=round(people / everybody, 4),
            )
        )
    return affects


def group_rule(classifier: GroupAffectClassifier | None) -> schema.GroupRule:
    """What the contract says of how group affect was made."""
    if classifier is None:
        return schema.GroupRule(name=RULE)
    return schema.GroupRule(
        name=classifier.card.name, kind="trained", weights_sha256=classifier.weights_sha256
    )


def _mean(observations: Sequence[Observation], classes: Sequence[str]) -> Floats:
    """Positive and neutral: the mean over people of the mean over a person's observations."""
    probabilities = np.array([o.expression.probabilities for o in observations])
    _, person = np.unique([o.track_id for o in observations], return_inverse=True)
    sums = np.zeros((person.max() + 1, probabilities.shape[1]))
    np.add.at(sums, person, probabilities)
    mean = (sums / np.bincount(person)[:, None]).mean(axis=0)
    is_positive = [name in _POSITIVE for name in classes]
    is_neutral = [name in _NEUTRAL for name in classes]
    shares = np.minimum([mean[is_positive].sum(), mean[is_neutral].sum()], 1.0)
    return shares.astype(np.float32)


def _judge(observations: Sequence[Observation], classifier: GroupAffectClassifier) -> Floats:
    """Positive, neutral and negative by the classifier; observations in order of time."""
    embeddings = np.stack([o.expression.embedding for o in observations])
    if embeddings.shape[1] != classifier.card.embedding_size:
        raise DataError(
            f"The group affect classifier {classifier.card.name} takes embeddings of "
            f"{classifier.card.embedding_size} numbers, but these have {embeddings.shape[1]}. "
            f"Analyse with the expression model {classifier.card.embedding_model}."
        )
    _, frames = np.unique([o.t for o in observations], return_inverse=True)
    vector = group_vector(embeddings, frames.astype(np.int32))
    return np.asarray(classifier.probabilities(vector[None])[0])
