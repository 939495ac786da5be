"""Sentences that analyses and workers write are read in the reader's language."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import translation

from engagement.errors import VideoError
from engagement.video.container import open_video
from webapp.engine_words import in_readers_words

ROOT = Path(__file__).resolve().parents[2]
_WORDS = {
    "7 was begun": "The fit was begun",
    "7 their own": "above their own",
    "7 enough of": "Only 7 windows have enough of",
}


def test_a_videos_error_keeps_its_file_and_changes_its_language(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video")
    for name in ("empty.mp4", "text.mp4", "absent.mp4"):
        with pytest.raises(VideoError) as error, open_video(tmp_path / name):
            pass
        english = str(error.value)
        with translation.override("es"):
            spanish = in_readers_words(english)
        assert name in spanish
        assert spanish != english
        with translation.override("en-gb"):
            assert in_readers_words(english) == english


def test_a_warning_keeps_its_figures() -> None:
    with translation.override("es"):
        assert in_readers_words("3 people were seen. The summary is of one of them.") == (
            "Se vieron 3 personas. El resumen es de una de ellas."
        )


def test_a_moments_title_and_reason_name_the_emotion() -> None:
    with translation.override("es"):
        assert in_readers_words("Happiness") == "Alegría"
        why = (
            "Happiness was clearly the strongest emotion for 14.0 s, with a mean probability of 7%."
        )
        assert in_readers_words(why).startswith("Durante 14.0 s")
        assert "alegría" in in_readers_words(why)


def test_an_unknown_sentence_is_shown_as_it_was_written() -> None:
    with translation.override("es"):
        assert in_readers_words("Something else <b>") == "Something else <b>"


def strings(node: ast.AST) -> Iterator[ast.JoinedStr | ast.Constant]:
    """Texts of a module, each whole: the pieces of an f-string are none."""
    if isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    ):
        yield node
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring
    for child in ast.iter_child_nodes(node):
        yield from strings(child)


def written_sentences() -> list[tuple[str, str]]:
    """Every sentence that ends a recording's analysis or warns of it, with its place."""
    found = []
    for path in (
        *(ROOT / "workers").glob("*.py"),
        ROOT / "engagement/video/container.py",
        ROOT / "engagement/video/decoding.py",
        ROOT / "engagement/report/build.py",
        *(ROOT / "engagement/summaries").glob("s*.py"),
        ROOT / "engagement/summaries/classwide.py",
        ROOT / "engagement/report/corrections.py",
        ROOT / "engagement/report/made_by.py",
        ROOT / "webapp/stack/simulated_analysis.py",
    ):
        for node in strings(ast.parse(path.read_text())):
            text = "".join(
                str(one.value) if isinstance(one, ast.Constant) else "7"
                for one in (node.values if isinstance(node, ast.JoinedStr) else [node])
            )
            # Gaps that hold words, of which there are a few only.
            for gap, words in _WORDS.items():
                text = text.replace(gap, words)
            # Whole sentences in what is shown, that tell what to do or what to know.
            if re.match(r"(7|[A-Z]\w* )", text) and re.search(
                r"\. (Try|Tell|Record|Convert|Export)|figures rest|people were seen|"
                r"no engagement estimate|classifier was|needed more memory|drawn by|"
                r"could not be decoded|stands out|students in view|too few to|was clear|"
                r"are blurred|at one time",
                text,
            ):
                found.append((path.name, text))
    return found


def test_every_sentence_that_is_written_today_is_known() -> None:
    sentences = written_sentences()
    assert len(sentences) > 20
    with translation.override("es"):
        unknown = [(place, text) for place, text in sentences if in_readers_words(text) == text]
    assert unknown == []
