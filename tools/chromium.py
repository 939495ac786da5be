"""The system's Chromium for what looks at pages: the browser tests and the pictures of pages.

A script beside this one imports it as `chromium`, a test as `tools.chromium`.
"""

import shutil

from playwright.sync_api import Browser, Playwright

#: What it is called, in order of preference.
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


def program() -> str | None:
    """Where it is; None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def start(playwright: Playwright, *more: str) -> Browser:
    """Starts it with an empty profile and without a window.

    Args:
        more: arguments besides the usual ones.

    Raises:
        FileNotFoundError: none is installed.
    """
    path = program()
    if path is None:
        raise FileNotFoundError("No Chromium found: install Debian's chromium.")
    return playwright.chromium.launch(executable_path=path, args=[*_ARGUMENTS, *more])
