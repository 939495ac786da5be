"""Compiles the catalogues of translations: `python tools/compile_messages.py [--check]`.

Writes the .mo beside every .po under webapp/locale. Made with Babel, so that no system package is
needed. A message that is marked fuzzy is left out, as everywhere else.
"""

import argparse
import io
import sys
from gettext import GNUTranslations
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALE_DIR = Path(__file__).resolve().parent.parent / "webapp" / "locale"


def read(catalogue: Path) -> Catalog:
    """The catalogue of a .po file; one that cannot be read raises Babel's `PoFileError`."""
    with catalogue.open("rb") as file:
        return read_po(file, locale=catalogue.parent.parent.name, abort_invalid=True)


def compiled(catalogue: Path) -> bytes:
    """What belongs into the .mo file of a .po file."""
    written = io.BytesIO()
    write_mo(written, read(catalogue))
    return written.getvalue()


def same(catalogue: Path, target: Path) -> bool:
    """Whether the .mo file says what the .po file does, whichever program wrote it."""

    def messages(data: bytes) -> dict[object, str]:
        said = dict(GNUTranslations(io.BytesIO(data))._catalog)  # type: ignore[attr-defined]
        # The head of a catalogue tells when and by what it was written.
        said.pop("", None)
        return said

    return messages(target.read_bytes()) == messages(compiled(catalogue))


def main() -> int:
    """Writes what is not up to date; with --check only names it. 1 where a file was stale."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--check", action="store_true", help="write nothing, name what is stale")
    check = arguments.parse_args().check
    stale = 0
    for catalogue in sorted(LOCALE_DIR.glob("*/LC_MESSAGES/*.po")):
        target = catalogue.with_suffix(".mo")
        if target.is_file() and same(catalogue, target):
            continue
        stale += 1
        sys.stdout.write(f"{'stale' if check else 'written'}: {target.relative_to(LOCALE_DIR)}\n")
        if not check:
            target.write_bytes(compiled(catalogue))
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
