"""A real worker sends real e-mails: one each, before the analyses that wait."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engagement.sample import sample_path
from tests.running_site import RunningSite
from tests.webapp.mail_world import Box, listening, text_of

pytestmark = pytest.mark.slow

STUDENT, INSTRUCTOR = "student@demo.example", "instructor@demo.example"
RECORDINGS = 3
DJANGO = "import django; django.setup(); from django.utils import timezone;"


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningSite, Box]]:
    """A site on which three recordings, sent before a worker was there, are analysed."""
    with listening() as (box, url):
        site = RunningSite(
            tmp_path_factory.mktemp("site"), EMAIL_URL=url, SITE_URL="https://learn.example"
        )
        try:
            site.prepare()
            site.start_broker()
            site.start_web()
            client = site.log_in("student")
            for _ in range(RECORDINGS):
                client.upload(site.lesson_id, sample_path())
            site.start_worker()
            site.wait_until(lambda: site.states() == ["finished"] * RECORDINGS, "every analysis")
            site.wait_until(lambda: told(box, STUDENT) >= RECORDINGS, "every e-mail")
            yield site, box
        finally:
            site.stop()


def told(box: Box, address: str) -> int:
    """Of how many recordings the e-mails to the address speak."""
    texts = [text_of(one) for one in box.messages if one["To"] == address]
    return sum(text.count("is analysed.") for text in texts)


def test_an_e_mail_does_not_wait_for_the_analyses_behind_it(
    delivered: tuple[RunningSite, Box],
) -> None:
    site, box = delivered
    assert told(box, STUDENT) == RECORDINGS
    sent = site.query("SELECT min(sent_at) FROM notices_mail WHERE state = 'sent'")
    last = site.query("SELECT max(finished_at) FROM recordings_analysis")
    assert sent < last


def test_the_instructor_gets_one_when_the_hour_is_over(
    delivered: tuple[RunningSite, Box],
) -> None:
    site, box = delivered
    assert INSTRUCTOR not in {one["To"] for one in box.messages}
    site.python(
        DJANGO + "from webapp.notices.models import Notice;"
        "Notice.objects.filter(mail_due_at__isnull=False).update(mail_due_at=timezone.now())"
    )
    site.wait_until(
        lambda: any(one["To"] == INSTRUCTOR for one in box.messages), "the instructor's e-mail"
    )
    (mail,) = (one for one in box.messages if one["To"] == INSTRUCTOR)
    assert "3 recordings of" in text_of(mail)


def test_a_killed_worker_s_successor_sends_nothing_again(
    delivered: tuple[RunningSite, Box], tmp_path: Path
) -> None:
    site, box = delivered
    before = len(box.messages)
    site.kill("worker")
    site.start_worker()
    # Something that the new worker has to do, so that it has been through its rounds.
    site.log_in("student").upload(site.lesson_id, sample_path())
    site.wait_until(lambda: told(box, STUDENT) == RECORDINGS + 1, "the next e-mail")
    assert len(box.messages) == before + 1
