"""Which boxes of a frame are to be blurred, also between the sampled frames."""

from bisect import bisect_right
from collections.abc import Collection
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from engagement.faces.tracking import iou_matrix
from engagement.group.people import People, Person
from engagement.types import Floats

# A face that is lost from sight (turned away, behind a hand) is blurred where it was for so long,
# before and after; in between too, when it comes back in the same place before long.
_HOLD_S = 2.0
_SAME_PLACE_S = 30.0
# Boxes that overlap by this much are one face, or one place.
_SAME_IOU = 0.3


class Covering:
    """The boxes to blur when only the people with the ids `shown` may be seen."""

    def __init__(self, people: People, shown: Collection[int]) -> None:
        self._times = people.times.tolist()
        count = len(self._times)
        self._shown: list[list[Floats]] = [[] for _ in range(count)]
        self._seen: list[list[Floats]] = [[] for _ in range(count)]  # from a sample to the next
        self._held: list[list[Floats]] = [[] for _ in range(count)]
        for person in people.chosen(shown):
            for k, box in zip(self._numbers(person.times), person.boxes, strict=True):
                self._shown[k].append(box)
        for person in people.people:
            if person.id not in shown:
                self._cover(person)
        for k, box in zip(self._numbers(people.stray_times), people.stray_boxes, strict=True):
            # A fainter second look at somebody who may be seen is no other person.
            if not _overlaps(box, self._shown[k]):
                self._see(k, box)

    def boxes(self, t: float) -> Floats:
        """``(n, 4)`` xyxy of what is to be blurred in the frame shown from `t` on."""
        k = max(0, bisect_right(self._times, t) - 1)
        # A place in which somebody else is seen now is theirs, whoever was last seen there.
        held = [box for box in self._held[k] if not _overlaps(box, self._shown[k])]
        boxes = [*self._seen[k], *held]
        return np.stack(boxes) if boxes else np.zeros((0, 4), dtype=np.float32)

    def _numbers(self, times: NDArray[np.float64]) -> list[int]:
        """Numbers of the samples at these times."""
        return [bisect_right(self._times, t) - 1 for t in times.tolist()]

    def _see(self, k: int, box: Floats) -> None:
        """A face in sample `k` may be there from just after the sample before to the next one."""
        self._seen[k].append(box)
        if k > 0:
            self._seen[k - 1].append(box)

    def _cover(self, person: Person) -> None:
        numbers = self._numbers(person.times)
        for k, box in zip(numbers, person.boxes, strict=True):
            self._see(k, box)
        for (a, before), (b, after) in pairwise(zip(numbers, person.boxes, strict=True)):
            self._bridge(a, before, b, after)
        self._hold(range(numbers[-1] + 1, len(self._times)), person.boxes[-1], person.last_s)
        self._hold(range(numbers[0] - 1, -1, -1), person.boxes[0], person.first_s)

    def _bridge(self, a: int, before: Floats, b: int, after: Floats) -> None:
        """Cover a face from its last place, in sample `a`, to its next one, in sample `b`."""
        adjacent = b == a + 1
        if _overlaps(after, [before]):
            if adjacent:
                self._seen[a].append(_around(before, after))
            elif self._times[b] - self._times[a] <= _SAME_PLACE_S:
                for k in range(a, b):
                    self._held[k].append(_around(before, after))
        elif not adjacent:
            self._hold(range(a + 1, b), before, self._times[a])
            self._hold(range(b - 1, a, -1), after, self._times[b])

    def _hold(self, samples: range, box: Floats, from_s: float) -> None:
        for k in samples:
            if abs(self._times[k] - from_s) > _HOLD_S:
                return
            self._held[k].append(box)


def _overlaps(box: Floats, others: list[Floats]) -> bool:
    if not others:
        return False
    return bool((iou_matrix(box[None], np.stack(others)) >= _SAME_IOU).any())


def _around(a: Floats, b: Floats) -> Floats:
    """The box around two boxes."""
    return np.concatenate([np.minimum(a[:2], b[:2]), np.maximum(a[2:], b[2:])])
