"""A benchmark run small, as continuous integration runs it."""

import json
import subprocess
import sys
from typing import Any

from tests.running_site import ROOT


def small_run(module: str, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, the line of JSON, and everything that was written."""
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", "--small", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(lines) == 1, done.stdout + done.stderr
    return done.returncode, json.loads(lines[0]), done.stdout + done.stderr
