"""Which languages the site speaks."""

from pathlib import Path

#: Every language that a catalogue may be written for, in its own words.
KNOWN = {"en-gb": "English", "es": "Español"}


def offered_languages(source: str, locale_dir: Path) -> list[tuple[str, str]]:
    """The language of the texts themselves, and those whose compiled catalogue is there.

    Args:
        source: code of the language that the texts are written in.
        locale_dir: folder with `<locale>/LC_MESSAGES/django.mo`, where a locale is the code of a
            language as Python spells it.
    """
    return [
        (code, name)
        for code, name in KNOWN.items()
        if code == source or (locale_dir / code / "LC_MESSAGES" / "django.mo").is_file()
    ]
