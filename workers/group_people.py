"""The people of a group recording as a worker keeps and changes them. Values in, values out."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engagement.group.people import People, Person


def stripped(people: People, without_descriptors: Collection[int] = ()) -> People:
    """Without names and pictures, which the site keeps, and without the descriptors of some.

    Where and when a face was seen stays: whoever is blurred must be found for it.
    """
    blank = np.zeros((1, 1, 3), dtype=np.uint8)
    return replace(
        people,
        people=tuple(
            replace(
                person,
                thumbnail=blank,
                name_tag=None,
                descriptor=(
                    np.zeros_like(person.descriptor)
                    if person.id in without_descriptors
                    else person.descriptor
                ),
            )
            for person in people.people
        ),
    )


def moved(people: People, times: Sequence[float]) -> People:
    """With every time replaced by the nearest of `times`, at which another file has its frames."""
    new = np.asarray(times, dtype=np.float64)

    def nearest(old: NDArray[np.float64]) -> NDArray[np.float64]:
        after = np.clip(np.searchsorted(new, old), 1, max(1, len(new) - 1))
        before = after - 1
        after = np.minimum(after, len(new) - 1)
        return np.where(old - new[before] <= new[after] - old, new[before], new[after])

    return replace(
        people,
        times=new,
        stray_times=nearest(people.stray_times),
        people=tuple(replace(one, times=nearest(one.times)) for one in people.people),
    )


def joined(people: People, same: Sequence[Sequence[int]]) -> People:
    """With each list of ids made one person, under the first id of the list.

    Where two of them are seen in one frame the clearer face is theirs, and the other is a stray
    one, which is always blurred.
    """
    for ids in same:
        if len(ids) > 1:
            people = _one_person(people, ids)
    return people


def _one_person(people: People, ids: Sequence[int]) -> People:
    parts = sorted(people.chosen(ids), key=lambda person: person.id != ids[0])
    times, boxes, landmarks, scores = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("times", "boxes", "landmarks", "scores")
    )
    # In order of time, the clearest first among those of one moment.
    order = np.lexsort((-scores, times))
    first = np.concatenate([[True], np.diff(times[order]) > 0])
    kept, spare = order[first], order[~first]
    weights = np.array([len(part.times) for part in parts], dtype=np.float32)
    total = (weights[:, None] * np.stack([part.descriptor for part in parts])).sum(axis=0)
    length = float(np.linalg.norm(total))
    one = replace(
        parts[0],
        descriptor=(total / length if length else total).astype(np.float32),
        times=times[kept],
        boxes=boxes[kept],
        landmarks=landmarks[kept],
        scores=scores[kept],
    )
    stray_times = np.concatenate([people.stray_times, times[spare]])
    by_time = np.argsort(stray_times, kind="stable")
    return replace(
        people,
        people=tuple(_without(people.people, ids, one)),
        stray_times=stray_times[by_time],
        stray_boxes=np.concatenate([people.stray_boxes, boxes[spare]])[by_time],
    )


def _without(everybody: Sequence[Person], ids: Sequence[int], one: Person) -> list[Person]:
    rest = [person for person in everybody if person.id not in ids]
    return sorted([*rest, one], key=lambda person: person.id)
