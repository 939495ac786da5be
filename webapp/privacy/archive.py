"""Everything that is held about a person as one ZIP, made while it is sent.

Nothing is built beforehand, in memory or on disk: each file is read, or its rows are asked for,
when its turn comes. A file that was erased while the download ran is left out.
"""

import datetime as dt
import json
import logging
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from django.utils import timezone
from django.utils.translation import gettext
from zipstream import ZipStream

from webapp.accounts.models import User
from webapp.privacy.holdings import HeldFile, Holder, holders

logger = logging.getLogger(__name__)

_BLOCK_BYTES = 256 * 1024
# data.json is sent in pieces of about this size.
_PIECE_CHARACTERS = 32 * 1024


def archive_of(user: User) -> Iterator[bytes]:
    """The bytes of the ZIP; must be read to its end once begun."""
    archive = ZipStream(compress_type=zipfile.ZIP_DEFLATED)
    yield from _add(archive, "README.txt", _readme(user))
    yield from _add(archive, "data.json", _data(user))
    for holder in holders():
        for held in holder.files(user):
            yield from _add_held(archive, held)
    yield from archive.finalize()


def _add(
    archive: ZipStream, name: str, content: Iterable[bytes], packing: int = zipfile.ZIP_DEFLATED
) -> Iterator[bytes]:
    archive.add(content, name, compress_type=packing)
    yield from archive.file()


def _add_held(archive: ZipStream, held: HeldFile) -> Iterator[bytes]:
    packing = zipfile.ZIP_DEFLATED if held.packed else zipfile.ZIP_STORED
    if not isinstance(held.content, Path):
        yield from _add(archive, held.name, held.content(), packing)
        return
    try:
        file = held.content.open("rb")
    except FileNotFoundError:
        logger.info("%s is not there (any more) and is left out", held.name)
        return
    # Open, it stays whole whatever happens to its name.
    with file:
        yield from _add(archive, held.name, _blocks(file), packing)


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(_BLOCK_BYTES):
        yield block


def _data(user: User) -> Iterator[bytes]:
    """`data.json`: an object with a list for each kind of thing, written row by row."""
    piece: list[str] = ["{\n"]
    length = 0
    for text in _data_texts(user):
        piece.append(text)
        length += len(text)
        if length >= _PIECE_CHARACTERS:
            yield "".join(piece).encode()
            piece, length = [], 0
    yield "".join([*piece, "\n}\n"]).encode()


def _data_texts(user: User) -> Iterator[str]:
    made = json.dumps({"made_at": timezone.now().isoformat(), "schema": "engagement.holdings/1"})
    yield made[1:-1]
    for holder in holders():
        yield f",\n{json.dumps(holder.key)}: ["
        for number, row in enumerate(holder.rows(user)):
            yield ",\n  " if number else "\n  "
            yield json.dumps(row, ensure_ascii=False, default=_plain)
        yield "]"


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, dt.datetime) else str(value)


def _readme(user: User) -> Iterator[bytes]:
    lines = [
        gettext("Everything that the site holds about %(name)s (%(email)s)")
        % {"name": user.name or user.email, "email": user.email},
        "",
        gettext("data.json: your account, courses, consents, the log of who looked, and all below"),
        *_explained(holders()),
        "",
        gettext(
            "Estimates of emotions and engagement are often wrong. They are evidence with an "
            "error, never a verdict."
        ),
        gettext("A file that was erased while this download ran is left out."),
        "",
    ]
    yield "\n".join(lines).encode()


def _explained(all_holders: Iterable[Holder]) -> Iterator[str]:
    for holder in all_holders:
        yield from (str(line) for line in holder.explained)
