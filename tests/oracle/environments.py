"""Environments for the published packages, under ``var/oracle``, kept between runs.

One that shares finds what it lacks in the environment that runs the tests: torch alone is 5 GB, and
both sides compute with the same one. What it installs itself comes first on its path, so its timm
is the one that the packages ask for.
"""

import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "var" / "oracle"


class NotInstalledError(Exception):
    """pip could not do it. The text ends with what it said."""


def environment_with(name: str, packages: tuple[str, ...], *, shared: bool) -> Path:
    """Interpreter of the environment `name`, made where it is not there or was made otherwise.

    Args:
        name: of its folder.
        packages: that pip installs into it.
        shared: it sees the packages of this environment, too.

    Raises:
        NotInstalledError: with pip's last words.
    """
    folder = FOLDER / name
    python, stamp = folder / "bin" / "python", folder / "installed"
    beneath = sysconfig.get_path("purelib")
    # What lies beneath changes with this project's own packages; alone, nothing does.
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    wanted = "\n".join([*packages, beneath, project] if shared else packages)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    _run(sys.executable, "-m", "venv", "--clear", folder)
    if shared:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        # addsitedir, unlike a bare path, also reads the .pth file that leads to this project.
        path = folder / "lib" / version / "site-packages" / "beneath.pth"
        path.write_text(f"import site; site.addsitedir({beneath!r})\n", encoding="utf-8")
    pip = (python, "-m", "pip", "install", "--disable-pip-version-check", "--quiet")
    _run(*pip, *packages)
    # Both builds of OpenCV are asked for, and are one module: the one without a window system
    # has to be last.
    _run(*pip, "--force-reinstall", "--no-deps", "opencv-python-headless")
    stamp.write_text(wanted, encoding="utf-8")
    return python


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotInstalledError((done.stdout + done.stderr).strip()[-3000:])
