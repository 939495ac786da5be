"""Gathers the texts of the site into every catalogue: `python tools/gather_messages.py`.

Does for this project what Django's makemessages does, with Babel alone, so that no system package
is needed and a test can ask which texts there are. A text that changed is a new one: nothing is
guessed from a similar one, so no translation is ever marked fuzzy. What is no longer said goes.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

WEBAPP = Path(__file__).resolve().parent.parent / "webapp"
LOCALE_DIR = WEBAPP / "locale"
WIDTH = 100
# How many of a call's first arguments are texts; with a "p" in the name the first is the context.
CALLS = {
    "_": 1,
    "gettext": 1,
    "gettext_noop": 1,
    "gettext_lazy": 1,
    "ngettext": 2,
    "ngettext_lazy": 2,
    "pgettext": 2,
    "pgettext_lazy": 2,
    "npgettext": 3,
    "npgettext_lazy": 3,
}
_STRING = r"""u?(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")"""
_CALL = re.compile(rf"\b(n?p?gettext|_)\(({_STRING}(?:, {_STRING})*)")
# One text: its context if it has one, and its singular, or its singular and plural.
Text = tuple[str | None, str | tuple[str, str]]


def texts_of_module(source: Path) -> Iterator[Text]:
    """The texts that a Python module asks translations of, those inside of f-strings, too."""
    tree = ast.parse(source.read_text(), filename=str(source))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for node in sorted(calls, key=lambda one: (one.lineno, one.col_offset)):
        called = getattr(node.func, "id", getattr(node.func, "attr", ""))
        said = [
            one.value
            for one in node.args[: CALLS.get(called, 0)]
            if isinstance(one, ast.Constant) and isinstance(one.value, str)
        ]
        if said and len(said) == CALLS[called]:
            yield _text(called, said)


def texts_of_template(source: Path) -> Iterator[Text]:
    """The texts that a Django template asks translations of."""
    for call in _CALL.finditer(templatize(source.read_text(), origin=str(source))):
        yield _text(call[1], [ast.literal_eval(one) for one in re.findall(_STRING, call[2])])


def _text(called: str, said: list[str]) -> Text:
    context = said.pop(0) if called.startswith(("pgettext", "npgettext")) else None
    return context, (said[0], said[1]) if called.startswith("n") else said[0]


def gathered() -> Catalog:
    """Every text of the site, each with the files that say it, untranslated."""
    found = Catalog(project="Engagement", fuzzy=False)
    for source in sorted(WEBAPP.rglob("*")):
        if source.suffix == ".py":
            texts = texts_of_module(source)
        elif source.suffix in {".html", ".txt"} and "templates" in source.parts:
            texts = texts_of_template(source)
        else:
            continue
        where = (str(source.relative_to(WEBAPP)), 0)
        for context, message in texts:
            found.add(message, context=context, locations=[where])
    return found


def renewed(catalogue: Path, texts: Catalog) -> Catalog:
    """A catalogue with exactly the given texts, and the translations that it had of them."""
    with catalogue.open("rb") as file:
        held = read_po(file, locale=catalogue.parent.parent.name, abort_invalid=True)
    written = held.creation_date
    held.update(texts, no_fuzzy_matching=True)
    held.obsolete.clear()
    held.creation_date = written  # So that a run that finds nothing new changes nothing.
    return held


def main() -> int:
    """Writes every catalogue anew and says how many of its texts wait for a translation."""
    texts = gathered()
    for catalogue in sorted(LOCALE_DIR.glob("*/LC_MESSAGES/*.po")):
        held = renewed(catalogue, texts)
        with catalogue.open("wb") as file:
            write_po(file, held, width=WIDTH, include_lineno=False, ignore_obsolete=True)
        waiting = sum(not all(_strings(one.string)) for one in held if one.id)
        sys.stdout.write(f"{catalogue.relative_to(LOCALE_DIR)}: {len(held)} texts, ")
        sys.stdout.write(f"{waiting} not translated\n")
    return 0


def _strings(said: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    return tuple(said or ("",)) if not isinstance(said, str) else (said,)


if __name__ == "__main__":
    sys.exit(main())
