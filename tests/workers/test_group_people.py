"""Found people as values: two of them made one, and their times moved to another file's frames."""

import numpy as np

from engagement.group.people import People, Person
from engagement.report import schema
from workers.group_people import joined, moved, stripped


def person(number: int, times: list[float], score: float = 0.9) -> Person:
    count = len(times)
    direction = np.zeros(1024, dtype=np.float32)
    direction[number] = 1.0
    return Person(
        id=number,
        descriptor=direction,
        times=np.array(times),
        boxes=np.full((count, 4), number, dtype=np.float32),
        landmarks=np.zeros((count, 5, 2), dtype=np.float32),
        scores=np.full(count, score, dtype=np.float32),
        thumbnail=np.full((9, 9, 3), 200, dtype=np.uint8),
        name_tag=schema.NameTag(text="Kim", share=1.0),
    )


def meeting(*people: Person) -> People:
    return People(
        source=schema.Source(
            file="m.mp4", sha256="0" * 64, duration_s=2.0, width=64, height=36, fps=5.0
        ),
        sampling_fps=5.0,
        times=np.arange(10) / 5,
        damaged=0,
        detector=schema.Detector(name="mtcnn", min_face_px=20, max_side_px=640),
        people=people,
        stray_times=np.array([0.4]),
        stray_boxes=np.zeros((1, 4), dtype=np.float32),
    )


def test_two_faces_of_a_student_become_one_person_in_order_of_time() -> None:
    people = joined(
        meeting(person(1, [0.0, 0.8]), person(2, [0.2, 0.4]), person(3, [0.6])), [[1, 3]]
    )
    one, other = people.people
    assert (one.id, other.id) == (1, 2)
    assert one.times.tolist() == [0.0, 0.6, 0.8]
    assert one.boxes[:, 0].tolist() == [1, 3, 1]
    assert np.isclose(np.linalg.norm(one.descriptor), 1.0)


def test_of_two_faces_in_one_frame_the_clearer_stays_and_the_other_is_blurred() -> None:
    people = joined(meeting(person(1, [0.2], score=0.8), person(2, [0.2], score=0.95)), [[1, 2]])
    [one] = people.people
    assert (one.id, one.times.tolist(), one.boxes[0, 0]) == (1, [0.2], 2.0)
    assert people.stray_times.tolist() == [0.2, 0.4]
    assert people.stray_boxes[0, 0] == 1.0


def test_lists_of_one_change_nothing() -> None:
    people = meeting(person(1, [0.0]), person(2, [0.2]))
    assert joined(people, [[1], [2]]) is people


def test_nothing_that_names_or_shows_somebody_is_left() -> None:
    people = stripped(meeting(person(1, [0.0]), person(2, [0.2])), without_descriptors=[2])
    assert all(one.name_tag is None for one in people.people)
    assert all(one.thumbnail.size == 3 and not one.thumbnail.any() for one in people.people)
    assert [bool(one.descriptor.any()) for one in people.people] == [True, False]
    # Whoever is to be blurred must still be found.
    assert people.people[1].times.tolist() == [0.2]


def test_times_go_to_the_nearest_frame_of_the_other_file() -> None:
    times = [number / 5 + 0.00001 for number in range(10)]
    people = moved(meeting(person(1, [0.0, 1.8])), times)
    assert people.times.tolist() == times
    assert people.people[0].times.tolist() == [times[0], times[9]]
    assert people.people[0].at(times[9]) == 1
    assert people.stray_times.tolist() == [times[2]]
