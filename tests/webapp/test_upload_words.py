"""Every sentence that the upload page's scripts ask for is there, and none is there for nobody."""

import re
from pathlib import Path

from webapp.recordings.upload_words import upload_words

SCRIPTS = Path(__file__).resolve().parents[2] / "webapp" / "static" / "js" / "upload"
TEXT = "\n".join(path.read_text() for path in sorted(SCRIPTS.glob("*.js")))
# Names that a script puts together from a state.
MADE = {
    "file_": ["chosen", "waiting", "finishing", "paused", "done", "cancelled"],
    "lost_": ["connection", "server"],
    "said_": ["recording", "paused", "stopped"],
    "said_file_": ["sending", "paused", "lost", "failed", "done"],
}


def test_every_sentence_that_is_asked_for_is_there() -> None:
    asked = set(re.findall(r'\bsay\(\s*"(\w+)"', TEXT))
    assert len(asked) > 10
    asked |= {start + end for start, ends in MADE.items() for end in ends}
    assert asked <= set(upload_words())


def test_every_problem_has_a_title_and_what_to_do() -> None:
    words = upload_words()
    titled = {name.removesuffix("_title") for name in words if name.endswith("_title")} - {"kept"}
    assert len(titled) > 8
    for name in titled:
        assert name in words
        assert f'"{name}"' in TEXT, f"no script says {name}"


def test_no_sentence_is_there_for_nobody() -> None:
    made = {start + end for start, ends in MADE.items() for end in ends}
    for name in set(upload_words()) - made:
        assert re.search(rf'"{name.removesuffix("_title")}"', TEXT) or f'"{name}"' in TEXT, name
