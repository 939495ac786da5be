"""Which tracklets are one person: agglomerative clustering of identity descriptors.

Average linkage on cosine similarity, with one constraint: two faces of one frame are two people.

The thresholds are measured (tools/measure_identity_threshold.py), on little: three people in four
short videos at 4 frames a second, each shrunk to 640, 320, 240 and 160 pixels as tiles are, and a
thousand grey pictures of 48 pixels of mostly different people (FER2013).

| cosine similarity of                           | 0.1 % |  1 % | median | 99 % | 99.9 % |
| one person's successive faces                  |  0.82 | 0.82 |   0.96 | 0.99 |   1.00 |
| one person's faces, whole video                |  0.39 | 0.44 |   0.80 | 0.98 |   0.99 |
| one person's means of ten successive faces     |  0.56 | 0.58 |   0.85 | 1.00 |   1.00 |
| two people's faces, of three people            |  0.13 | 0.16 |   0.31 | 0.44 |   0.47 |
| two people's means of ten                      |  0.24 | 0.24 |   0.34 | 0.47 |   0.48 |
| two strangers' pictures (FER2013)              |  0.09 | 0.16 |   0.33 | 0.51 |   0.58 |

At 0.65 a tracklet never broke without need, and 1 pair of strangers in 10,000 would be taken for
one face. At 0.55 no means of one person were kept apart, none of two people were joined, and 3
pairs of strangers in 1,000 would be; the constraint spares all who are ever seen together. Of
siblings, of people of one age and descent, and of one person on two days, nothing was measured.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from engagement.types import Floats

#: Least mean similarity of two groups of faces to be one person.
MIN_SIMILARITY = 0.55


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
    groups: dict[int, list[int]] = {i: [i] for i in range(len(pieces))}
    if len(pieces) > 1:
        for kept, gone in _merges(pieces, min_similarity):
            groups[kept] += groups.pop(gone)
    return sorted(sorted(group) for group in groups.values())


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


def _merges(pieces: Sequence[Piece], min_similarity: float) -> Iterator[tuple[int, int]]:
    """Which group takes in which other, in turn.

    Each group's nearest other is kept at hand, so that n pieces take about n squared steps.
    """
    similarity, sizes = _similarities(pieces)
    nearest = similarity.argmax(axis=1)
    while True:
        a = int(similarity[np.arange(len(nearest)), nearest].argmax())
        b = int(nearest[a])
        if similarity[a, b] < min_similarity:
            return
        # Lance and Williams' update of average linkage; minus infinity, the constraint, stays.
        joined = (sizes[a] * similarity[a] + sizes[b] * similarity[b]) / (sizes[a] + sizes[b])
        similarity[b], similarity[:, b] = -np.inf, -np.inf
        joined[[a, b]] = -np.inf
        similarity[a], similarity[:, a] = joined, joined
        sizes[a] += sizes[b]
        # An average is never nearer than both that it is of, but it may be further than a third.
        stale = np.flatnonzero((nearest == a) | (nearest == b))
        nearest[[*stale, a]] = similarity[[*stale, a]].argmax(axis=1)
        closer = joined > similarity[np.arange(len(nearest)), nearest]
        nearest[closer] = a
        yield a, b
