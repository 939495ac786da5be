"""Typed readers of environment variables that refuse nonsense.

An unset or empty variable gives the default; anything that cannot be read as asked stops the
program with one sentence that names the variable, so that a typo never turns into a silent
default.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


class Environment:
    """Reads typed values from a mapping of strings, by default the process's environment."""

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self._variables = os.environ if variables is None else variables

    def text(self, name: str, default: str = "") -> str:
        """The variable without surrounding spaces; the default if it is unset or empty."""
        return self._variables.get(name, "").strip() or default

    def flag(self, name: str, default: bool) -> bool:
        """A yes-or-no value: 1/true/yes/on or 0/false/no/off."""
        raw = self.text(name).lower()
        if not raw:
            return default
        if raw in _TRUE:
            return True
        if raw in _FALSE:
            return False
        raise ImproperlyConfigured(f"{name} must be on or off, but is {raw!r}.")

    def integer(self, name: str, default: int, *, low: int, high: int) -> int:
        """A whole number from low to high."""
        raw = self.text(name)
        if not raw:
            return default
        try:
            value = int(raw)
        except ValueError:
            raise ImproperlyConfigured(f"{name} must be a whole number, but is {raw!r}.") from None
        return int(self._within(name, value, low, high))

    def number(self, name: str, default: float, *, low: float, high: float) -> float:
        """A number from low to high."""
        raw = self.text(name)
        if not raw:
            return default
        try:
            value = float(raw)
        except ValueError:
            raise ImproperlyConfigured(f"{name} must be a number, but is {raw!r}.") from None
        return self._within(name, value, low, high)

    def words(self, name: str, default: list[str]) -> list[str]:
        """A list separated by commas; empty entries are left out."""
        raw = self.text(name)
        return [word.strip() for word in raw.split(",") if word.strip()] if raw else default

    def folder(self, name: str, default: Path) -> Path:
        """An absolute folder path. The folder need not exist."""
        return Path(self.text(name) or default).expanduser().resolve()

    @staticmethod
    def _within(name: str, value: float, low: float, high: float) -> float:
        # The comparison is written so that NaN fails it.
        if not low <= value <= high:
            raise ImproperlyConfigured(f"{name} must be from {low} to {high}, but is {value}.")
        return value
