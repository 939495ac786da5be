"""The site speaks the reader's language, and its catalogues are what their sources say."""

import html
import importlib.util
import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.formats import number_format, reset_format_cache

from tests.webapp.conftest import World, client_of
from webapp.accounts.models import User
from webapp.config.languages import offered_languages
from webapp.recordings.models import Recording

ROOT = Path(__file__).resolve().parents[2]
LOCALE = ROOT / "webapp" / "locale"
_PO = """\
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=2; plural=n != 1;\\n"

msgid "Log in"
msgstr "Entrar"

msgid "Your account"
msgstr "Su cuenta"

msgid "Saved."
msgstr "Guardado."

msgid "Courses"
msgstr "Cursos"
"""


@pytest.fixture
def spanish(tmp_path: Path, settings: object) -> object:
    """A small Spanish catalogue of the test's own, offered beside English."""
    folder = tmp_path / "locale" / "es" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "django.po").write_text(_PO)
    with (folder / "django.po").open("rb") as source, (folder / "django.mo").open("wb") as made:
        write_mo(made, read_po(source, locale="es"))
    settings.LOCALE_PATHS = [tmp_path / "locale"]  # type: ignore[attr-defined]
    settings.LANGUAGES = offered_languages("en-gb", tmp_path / "locale")  # type: ignore[attr-defined]
    yield settings
    translation.activate("en-gb")
    reset_format_cache()


def title_and_language(page: bytes) -> tuple[str, str]:
    text = page.decode()
    title, language = re.search("<h1>(.*)</h1>", text), re.search('<html lang="([^"]+)"', text)
    assert title
    assert language
    return html.unescape(title[1]), language[1]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("es-MX,es;q=0.9", ("Entrar", "es")),
        ("en-US", ("Log in", "en-gb")),
        ("fi", ("Log in", "en-gb")),
        ("", ("Log in", "en-gb")),
    ],
)
def test_a_stranger_reads_what_their_browser_asks_for(
    asked: str, shown: tuple[str, str], spanish: object
) -> None:
    page = Client().get("/accounts/login/", headers={"accept-language": asked})
    assert title_and_language(page.content) == shown
    assert page.headers["Content-Language"] == shown[1]


@pytest.mark.django_db
def test_a_stranger_picks_a_language_at_the_foot_of_the_page(spanish: object) -> None:
    client = Client()
    assert 'name="language"' in client.get("/accounts/login/").content.decode()
    answer = client.post(reverse("set_language"), {"language": "es", "next": "/accounts/login/"})
    assert answer.headers["Location"] == "/accounts/login/"
    assert title_and_language(client.get("/accounts/login/").content) == ("Entrar", "es")


def test_the_choice_on_the_profile_wins_over_the_browser(spanish: object, world: World) -> None:
    client = client_of(world.student)
    profile = reverse("accounts:profile")
    client.post(profile, {"name": "S", "language": "es", "time_zone": "UTC"})
    page = client.get(profile, headers={"accept-language": "en"})
    assert title_and_language(page.content) == ("Su cuenta", "es")
    assert "Guardado." in page.content.decode()
    assert page.headers["Content-Language"] == "es"
    # And the next reader's page is not in it.
    other = client_of(world.instructor).get(profile, headers={"accept-language": "en"})
    assert title_and_language(other.content) == ("Your account", "en-gb")


def test_dates_are_written_as_the_language_writes_them(spanish: object, world: World) -> None:
    moment = datetime(2025, 3, 2, 5, 0, tzinfo=UTC)
    for language, written in (
        ("en-gb", "2 March 2025, 05:00"),
        ("es", "2 de marzo de 2025, 05:00"),
    ):
        with translation.override(language):
            from django.template import Context, Template

            template = Template("{{ moment|date:'DATETIME_FORMAT' }}")
            assert template.render(Context({"moment": moment})) == written


def test_a_language_that_is_not_offered_is_refused(spanish: object, world: World) -> None:
    client_of(world.student).post(
        reverse("accounts:profile"), {"name": "S", "language": "xx", "time_zone": "UTC"}
    )
    assert User.objects.get(pk=world.student.pk).language == ""


def test_a_language_is_offered_once_its_catalogue_is_compiled(tmp_path: Path) -> None:
    assert offered_languages("en-gb", tmp_path) == [("en-gb", "English")]
    made = tmp_path / "es" / "LC_MESSAGES"
    made.mkdir(parents=True)
    shutil.copy(ROOT / "pyproject.toml", made / "django.mo")
    assert offered_languages("en-gb", tmp_path) == [("en-gb", "English"), ("es", "Español")]


_READ_BY_PROGRAMS = re.compile(
    r"\b(?:value|min|max|step|data-(?:seek|play|at|least[\w-]*|[\w-]*-s|mark[\w-]*|show[\w-]*)"
    r'|aria-value(?:now|min|max)|viewBox|width|height|[xy][12]?|c[xy]|r)="(\d+,\d+)"'
)


@pytest.mark.parametrize("name", ["report", "course", "lesson", "student"])
def test_numbers_for_programs_keep_their_point(
    name: str, spanish: object, world: World, settings: object
) -> None:
    # Django's own way for Spanish, a comma, stands for every language that has one.
    settings.FORMAT_MODULE_PATH = None  # type: ignore[attr-defined]
    reset_format_cache()
    User.objects.update(language="es")
    Recording.objects.update(duration_s=20.5)
    address = {
        "report": reverse("reports:recording", args=[world.recording.pk]),
        "course": reverse("courses:course", args=[world.course.pk]),
        "lesson": reverse("courses:lesson", args=[world.lesson.pk]),
        "student": reverse("courses:student", args=[world.course.pk, world.student.pk]),
    }[name]
    page = client_of(world.instructor).get(address)
    assert page.status_code == 200
    assert page.headers["Content-Language"] == "es"
    with translation.override("es"):
        assert number_format(0.5) == "0,5"
    assert _READ_BY_PROGRAMS.findall(page.content.decode()) == []
    for data in re.findall(
        r"<script[^>]*application/json[^>]*>(.*?)</script>", page.content.decode()
    ):
        json.loads(data)


def test_no_page_writes_a_date_in_one_language_s_own_order() -> None:
    fixed = re.compile(r"""(?:\|date:|\bnow )["'](?!c["'])[a-zA-Z]+[ ,.]""")
    for template in (ROOT / "webapp").rglob("*.html"):
        assert not fixed.search(template.read_text()), template


def compiler() -> ModuleType:
    spec = importlib.util.spec_from_file_location("c", ROOT / "tools" / "compile_messages.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_compiled_catalogue_is_up_to_date() -> None:
    made = compiler()
    for catalogue in LOCALE.glob("*/LC_MESSAGES/*.po"):
        target = catalogue.with_suffix(".mo")
        assert target.is_file(), f"Run tools/compile_messages.py: {target} is missing."
        assert made.same(catalogue, target), f"Run tools/compile_messages.py: {target} is stale."
    for target in LOCALE.glob("*/LC_MESSAGES/*.mo"):
        assert target.with_suffix(".po").is_file(), target
