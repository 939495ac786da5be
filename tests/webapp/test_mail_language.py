"""An e-mail speaks its reader's language, whatever the language of whoever caused it."""

from django.db import transaction
from django.utils import timezone, translation

from tests.webapp.conftest import World
from webapp.accounts.models import User
from webapp.notices import letters, services
from webapp.notices.models import Mail, Notice
from webapp.recordings.models import Analysis

REASON = "video.mp4 is empty (0 bytes). Record or upload it again."


def letter_to(user: User) -> str:
    """Subject and text of an e-mail with everything that the user was told."""
    now = timezone.now()
    mail = Mail.objects.create(user=user, kind=Mail.Kind.NOTICES, due_at=now)
    Notice.objects.filter(user=user).update(mail=mail)
    message = letters.compose(Mail.objects.select_related("user").get(pk=mail.pk))
    assert message
    return f"{message.subject}\n{message.body}"


def test_a_letter_is_written_in_its_readers_language(world: World) -> None:
    User.objects.filter(pk=world.student.pk).update(language="es")
    analysis = Analysis.objects.create(
        recording=world.recording, state="failed", error_text=REASON, finished_at=timezone.now()
    )
    with transaction.atomic():
        services.analysis_ended(analysis.pk)
    with translation.override("en-gb"):
        student = letter_to(User.objects.get(pk=world.student.pk))
        instructor = letter_to(world.instructor)
    assert "El análisis de tu grabación" in student
    assert "video.mp4 está vacío" in student
    assert "Dejar de recibir correos como este" in student
    assert "The analysis" in instructor
