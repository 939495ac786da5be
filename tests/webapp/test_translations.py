"""Every text of the site is there in every language that it offers, and says the same."""

import html
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from django.urls import reverse

from tests.webapp.conftest import World, client_of

ROOT = Path(__file__).resolve().parents[2]
LOCALE = ROOT / "webapp" / "locale"
CATALOGUES = sorted(LOCALE.glob("*/LC_MESSAGES/django.po"))
# What a program fills or reads: gaps of Python and of scripts, tags, keys.
_GAP = re.compile(r"%\(\w+\)(?:s|d|\.\d+f)|%%|\{\w*\}|</?[a-z]\w*[^>]*>")
# `make messages`, then translate: the way out of every failure below.
HELP = "Run make messages and write what is missing; see docs/translating.md."


@pytest.fixture(scope="module")
def texts() -> Catalog:
    """Every text of the templates and modules as they are now."""
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        from gather_messages import gathered
    finally:
        sys.path.pop(0)
    found = gathered()
    assert len(found) > 1_000
    return found


@pytest.fixture(params=CATALOGUES, ids=lambda path: path.parent.parent.name)
def catalogue(request: pytest.FixtureRequest) -> Catalog:
    """The translations of one language."""
    with request.param.open("rb") as file:
        return read_po(file, locale=request.param.parent.parent.name, abort_invalid=True)


def strings(said: object) -> list[str]:
    return [said] if isinstance(said, str) else [str(one) for one in said or ("",)]  # type: ignore[attr-defined]


def messages(catalogue: Catalog) -> Iterator[Message]:
    return (message for message in catalogue if message.id)


def test_spanish_is_one_of_the_languages() -> None:
    assert LOCALE / "es" / "LC_MESSAGES" / "django.po" in CATALOGUES


def test_every_text_of_the_sources_is_translated(texts: Catalog, catalogue: Catalog) -> None:
    held = {(one.context, one.id): one for one in messages(catalogue)}
    wanted = {(one.context, one.id) for one in messages(texts)}
    missing = wanted - set(held)
    assert not missing, f"{HELP} Not in the catalogue: {sorted(map(str, missing))[:5]}"
    stale = set(held) - wanted
    assert not stale, f"{HELP} No longer said: {sorted(map(str, stale))[:5]}"
    empty = [one.id for one in held.values() if not all(strings(one.string))]
    assert not empty, f"{HELP} Not translated: {empty[:5]}"
    fuzzy = [one.id for one in held.values() if one.fuzzy]
    assert not fuzzy, f"{HELP} Fuzzy: {fuzzy[:5]}"


def test_every_translation_has_the_gaps_and_tags_of_its_text(catalogue: Catalog) -> None:
    wrong = []
    for message in messages(catalogue):
        originals = strings(message.id)
        said = strings(message.string)
        if len(originals) == 2:
            assert len(said) == catalogue.num_plurals, message.id
            # Each form like the plural; the first may also say its number in a word.
            allowed = [
                [Counter(_GAP.findall(one)) for one in (originals if form == 0 else originals[1:])]
                for form in range(len(said))
            ]
        else:
            allowed = [[Counter(_GAP.findall(originals[0]))]]
        wrong += [
            one
            for one, fitting in zip(said, allowed, strict=True)
            if Counter(_GAP.findall(one)) not in fitting
        ]
    assert not wrong


def test_translations_begin_and_end_as_their_texts_do(catalogue: Catalog) -> None:
    """Pieces of sentences are put together: a lost full stop or colon would show."""
    wrong = []
    for message in messages(catalogue):
        for original, said in zip(
            (strings(message.id)[0], strings(message.id)[-1]),
            (strings(message.string)[0], strings(message.string)[-1]),
            strict=True,
        ):
            for mark in (":", "…", " "):
                if original.endswith(mark) != said.endswith(mark):
                    wrong.append(said)
            if original.endswith(".") and not said.endswith((".", ".»")):
                wrong.append(said)
    # A letter's greeting ends in a comma in English and in a colon in Spanish; its ellipsis joins.
    assert [one for one in wrong if not one.startswith("Hola, ")] == []


@pytest.mark.parametrize(
    "name",
    [
        "courses:home",
        "courses:course",
        "courses:lesson",
        "courses:student",
        "reports:recording",
        "recordings:mine",
        "recordings:upload",
        "privacy:consent",
        "privacy:own_data",
        "privacy:looks",
        "privacy:method",
        "privacy:withdraw",
        "notices:list",
        "accounts:profile",
        "accounts:password",
        "calibration:course",
    ],
)
def test_no_sentence_of_a_page_stays_english(name: str, world: World) -> None:
    arguments = {
        "courses:course": [world.course.pk],
        "courses:lesson": [world.lesson.pk],
        "courses:student": [world.course.pk, world.student.pk],
        "reports:recording": [world.recording.pk],
        "recordings:upload": [world.lesson.pk],
        "privacy:consent": [world.course.pk],
        "privacy:withdraw": [world.course.pk],
        "calibration:course": [world.course.pk],
    }
    reader = world.instructor if name.startswith("calibration") else world.student
    address = reverse(name, args=arguments.get(name, []))
    page = client_of(reader).get(address, headers={"accept-language": "es"})
    assert page.status_code == 200
    assert page.headers["Content-Language"] == "es"
    text = re.sub(r"\s+", " ", html.unescape(page.content.decode()))
    with (LOCALE / "es" / "LC_MESSAGES" / "django.po").open("rb") as file:
        spanish = read_po(file, locale="es")
    # Whole sentences and phrases only: a single word may be a name, or the same in both.
    english = {
        one
        for message in messages(spanish)
        for one in strings(message.id)
        if one.count(" ") >= 2 and not _GAP.search(one)
    }
    assert len(english) > 500
    assert [one for one in english if f">{one}<" in text or f'"{one}"' in text] == []
    assert " de 20" in text or name not in {"courses:lesson", "reports:recording"}  # a date
