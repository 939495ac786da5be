"""The site under a benchmark: over a data folder of its own, with the demo's people in it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django
import psutil
import requests

_ROOT = Path(__file__).parents[1]
_HOST = "127.0.0.1"
_START_S = 60.0


def set_up(folder: Path) -> None:
    """Django over a data folder of the benchmark's own; nothing of the developer's is read."""
    for name in ("DATABASE_URL", "REDIS_URL", "ALLOWED_HOSTS", "HTTPS", "DEBUG"):
        os.environ.pop(name, None)
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "webapp.config.settings",
        "ENGAGEMENT_DATA_DIR": str(folder),
        "PYTHONPATH": str(_ROOT),
        "LOG_LEVEL": "WARNING",
    }
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


@contextmanager
def server(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """The site's web server, with the address and the process that answers."""
    from webapp.stack import processes
    from webapp.stack.supervisor import free_port, web_command

    port = free_port(_HOST)
    url = f"http://{_HOST}:{port}"
    with (folder / "web.log").open("wb") as log:
        web = processes.start("web", web_command(_HOST, port), dict(os.environ), log=log)
        try:
            web.wait_until(lambda: _answers(url), _START_S)
            (answering,) = psutil.Process(web.popen.pid).children()
            yield url, answering
        finally:
            web.stop()


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=5).ok
    except requests.RequestException:
        return False
