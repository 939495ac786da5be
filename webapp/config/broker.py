"""Where the message broker is.

`REDIS_URL` names a Redis or Valkey server. Without it the site uses its embedded Valkey server,
which listens on a Unix socket in the data folder, so that no port is opened and file permissions
decide who may connect.
"""

import hashlib
import os
import tempfile
from pathlib import Path
from urllib.parse import quote

from django.core.exceptions import ImproperlyConfigured

# A Unix socket's address holds 104 bytes on macOS and 108 on Linux, its closing zero included.
_LONGEST_SOCKET_PATH = 100
_SCHEMES = ("redis://", "rediss://", "redis+socket://", "unix://")


def socket_path(data_dir: Path) -> Path:
    """The embedded server's socket: in the data folder, or in a short folder of its own.

    The short folder's name follows from the data folder, so every process finds the same one.
    """
    direct = data_dir / "valkey" / "valkey.sock"
    if len(os.fsencode(direct)) <= _LONGEST_SOCKET_PATH:
        return direct
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"engagement-{os.getuid()}-{digest}" / "valkey.sock"


def celery_url(redis_url: str, data_dir: Path) -> str:
    """The broker URL in Celery's spelling."""
    if not redis_url:
        return f"redis+socket://{quote(str(socket_path(data_dir)))}?virtual_host=0"
    if not redis_url.startswith(_SCHEMES):
        raise ImproperlyConfigured(
            "REDIS_URL must start with redis://, rediss:// or unix://, "
            f"but starts with {redis_url.split(':', 1)[0]!r}."
        )
    if redis_url.startswith("unix://"):
        return "redis+socket://" + redis_url.removeprefix("unix://")
    return redis_url
