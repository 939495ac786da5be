"""A group recording whose people were found, for the tests of its pages. No video, no model."""

from django.utils import timezone

from webapp.accounts.models import User
from webapp.courses.models import Lesson
from webapp.groups import storage
from webapp.groups.models import GroupAffectDocument, GroupPerson, GroupRecording, GroupResult
from webapp.recordings.models import Recording

# A grey square, which is enough of a JPEG to be sent.
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")


def found_group(lesson: Lesson, uploaded_by: User, people: int = 2) -> GroupRecording:
    """A recording of the lesson in which that many people were found."""
    group = GroupRecording.objects.create(
        lesson=lesson,
        uploaded_by=uploaded_by,
        original_name="gallery.mp4",
        size_bytes=5,
        sha256="cd" * 32,
        state=GroupRecording.State.FINISHED,
        found_at=timezone.now(),
        duration_s=60.0,
    )
    storage.groups_dir()
    storage.faces_path(group.pk).mkdir(parents=True)
    group.video_path.write_bytes(b"video")
    for number in range(1, people + 1):
        person = GroupPerson.objects.create(
            group=group, number=number, seen_s=30.0, has_thumbnail=True, name_tag=f"Tag {number}"
        )
        person.thumbnail_path.write_bytes(JPEG)
    return group


def analysed(group: GroupRecording, *recordings: Recording) -> GroupRecording:
    """The group as after an analysis that made these recordings, one a person."""
    for number, recording in enumerate(recordings, start=1):
        person = group.people.get(number=number)
        person.decision, person.student = GroupPerson.Decision.STUDENT, recording.student
        person.save()
        GroupResult.objects.create(person=person, recording=recording)
    GroupAffectDocument.objects.create(
        group=group,
        people=len(recordings),
        rows=[
            {
                "start_s": start,
                "end_s": start + 5.0,
                "positive": 0.5,
                "neutral": 0.3,
                "negative": 0.2,
                "people": people,
                "face_share": people / 2,
            }
            for start, people in ((0.0, 2), (5.0, 1), (10.0, 2))
        ],
        models_used={"name": "mean_of_faces", "kind": "index", "expression": "mobilenet_7_fer"},
    )
    storage.blurred_path(group.pk).write_bytes(b"\x00\x00\x00\x18ftypisom" + bytes(50))
    group.analysed_at = timezone.now()
    group.save()
    return group
