"""Face templates at rest: encrypted, and readable as long as one of the keys is known."""

from io import StringIO

import pytest
from django.core.management import call_command

from tests.webapp.conftest import World
from webapp.groups.models import FaceTemplate
from webapp.groups.template_keys import TemplateUnreadableError, decrypt, encrypt

OLD, NEW, OTHER = ("o" * 40, "n" * 40, "x" * 40)


@pytest.fixture
def keys(settings: object) -> object:
    settings.TEMPLATE_KEYS = [OLD]  # type: ignore[attr-defined]
    return settings


def test_a_template_is_not_readable_in_the_database(keys: object) -> None:
    token = encrypt(b"a face" * 100)
    assert b"a face" not in token
    assert decrypt(token) == b"a face" * 100


def test_a_new_key_in_front_still_reads_the_old_templates(keys: object) -> None:
    token = encrypt(b"a face")
    keys.TEMPLATE_KEYS = [NEW, OLD]  # type: ignore[attr-defined]
    assert decrypt(token) == b"a face"


def test_without_the_key_it_is_unreadable(keys: object) -> None:
    token = encrypt(b"a face")
    keys.TEMPLATE_KEYS = [OTHER]  # type: ignore[attr-defined]
    with pytest.raises(TemplateUnreadableError):
        decrypt(token)


def test_rotation_needs_the_old_key_no_more_and_erases_what_nothing_reads(
    world: World, keys: object
) -> None:
    def template(student: object, token: bytes) -> FaceTemplate:
        return FaceTemplate.objects.create(
            student=student, course=world.course, model_name="m", encrypted=token
        )

    readable = template(world.student, encrypt(b"a face"))
    template(world.other_student, b"damaged")
    keys.TEMPLATE_KEYS = [NEW, OLD]  # type: ignore[attr-defined]
    said = StringIO()
    call_command("rotate_template_keys", stdout=said)
    assert "Renewed 1 face templates; erased 1" in said.getvalue()
    keys.TEMPLATE_KEYS = [NEW]  # type: ignore[attr-defined]
    readable.refresh_from_db()
    assert decrypt(bytes(readable.encrypted)) == b"a face"
    assert FaceTemplate.objects.count() == 1
