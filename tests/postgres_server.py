"""A PostgreSQL server of the tests' own, where its programs are installed."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_DEBIAN = Path("/usr/lib/postgresql")
_TIMEOUT_S = 60


def programs() -> Path | None:
    """The folder of initdb and pg_ctl, the newest version's; None where there is none."""
    versions = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if versions:
        return versions[-1].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@contextmanager
def postgres() -> Iterator[str]:
    """A running server's URL; it listens on a Unix socket only and is removed afterwards."""
    home = programs()
    if home is None:
        raise FileNotFoundError("PostgreSQL's programs are not installed.")
    # A short path: it holds the server's socket.
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        folder = Path(name)
        data = folder / "data"
        as_user = _unprivileged(folder)
        initdb = [home / "initdb", "-D", data, "-U", "engagement", "-A", "trust", "-N"]
        _call([*as_user, *initdb])
        options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
        control = [*as_user, home / "pg_ctl", "-D", data, "-w"]
        _call([*control, "-o", options, "-l", folder / "log", "start"])
        try:
            yield f"postgresql://engagement@/postgres?host={folder}"
        finally:
            _call([*control, "-m", "immediate", "stop"])


@contextmanager
def database(server_url: str, name: str) -> Iterator[str]:
    """A new database's URL in Django's spelling."""
    import psycopg

    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[call-overload]
    host = server_url.rpartition("host=")[2]
    # The socket's folder, percent-encoded, stands where a host's name would.
    yield f"postgresql://engagement@{host.replace('/', '%2F')}/{name}"


def _unprivileged(folder: Path) -> list[str]:
    """The server refuses to run as root: Debian's own user takes it then."""
    if os.getuid() != 0:
        return []
    shutil.chown(folder, "postgres")
    return ["runuser", "-u", "postgres", "--"]


def _call(command: list[object]) -> None:
    # The server inherits the output: a pipe would stay open as long as it runs.
    subprocess.run(
        [str(word) for word in command],
        check=True,
        timeout=_TIMEOUT_S,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
    )
