"""Which tracklets are one person: agglomerative clustering of identity descriptors.

Average linkage on cosine similarity, with one constraint: two faces of one frame are two people.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from engagement.types import Floats

#: Least mean similarity of two groups of faces to be one person.
MIN_SIMILARITY = 0.5


@dataclass(frozen=True)
class Piece:
    """What clustering needs to know of a tracklet.

    Attributes:
        descriptor: ``(d,)`` of unit length.
        samples: the numbers of the sampled frames in which it was seen.
    """

    descriptor: Floats
    samples: frozenset[int]


def cluster_people(
    pieces: Sequence[Piece], min_similarity: float = MIN_SIMILARITY
) -> list[list[int]]:
    """Groups of indices of `pieces`, a group a person, in order of their first piece.

    The similarity of two groups is the mean over all pairs of their faces, a tracklet's face
    counted by the tracklet's descriptor. The most similar two that may be one are joined until
    none reaches `min_similarity`.
    """
    groups = [[i] for i in range(len(pieces))]
    if len(pieces) < 2:
        return groups
    similarity, sizes = _similarities(pieces)
    alive = np.ones(len(pieces), dtype=bool)
    while True:
        a, b = sorted(divmod(int(similarity.argmax()), len(pieces)))
        if similarity[a, b] < min_similarity:
            break
        # Lance and Williams' update of average linkage; minus infinity, the constraint, stays.
        joined = (sizes[a] * similarity[a] + sizes[b] * similarity[b]) / (sizes[a] + sizes[b])
        similarity[a], similarity[:, a] = joined, joined
        similarity[a, a] = -np.inf
        similarity[b], similarity[:, b] = -np.inf, -np.inf
        sizes[a] += sizes[b]
        alive[b] = False
        groups[a] += groups[b]
    return [sorted(groups[i]) for i in np.flatnonzero(alive)]


def match_people(
    descriptors: Mapping[int, Floats],
    templates: Mapping[str, Floats],
    min_similarity: float = MIN_SIMILARITY,
) -> dict[int, tuple[str, float]]:
    """Who of the people is who of the templates: suggestions, each template given once.

    Args:
        descriptors: unit-length descriptor a person.
        templates: unit-length descriptor a name or key, kept from an earlier match.

    Returns:
        the key and the cosine similarity for those people who have a match.
    """
    if not descriptors or not templates:
        return {}
    people, keys = list(descriptors), list(templates)
    similarity = (
        np.stack([descriptors[p] for p in people]) @ np.stack([templates[k] for k in keys]).T
    )
    return {
        people[i]: (keys[j], float(similarity[i, j]))
        for i, j in zip(*linear_sum_assignment(-similarity), strict=True)
        if similarity[i, j] >= min_similarity
    }


def _similarities(
    pieces: Sequence[Piece],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Similarities, minus infinity for who cannot be one person, and faces a piece."""
    descriptors = np.stack([piece.descriptor for piece in pieces]).astype(np.float64)
    similarity = descriptors @ descriptors.T
    by_sample: dict[int, list[int]] = {}
    for i, piece in enumerate(pieces):
        for sample in piece.samples:
            by_sample.setdefault(sample, []).append(i)
    for together in by_sample.values():
        similarity[np.ix_(together, together)] = -np.inf
    np.fill_diagonal(similarity, -np.inf)
    return similarity, np.array([float(len(piece.samples)) for piece in pieces])
