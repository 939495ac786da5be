"""Embeddings are kept beside an evaluation, reused, added to, and never mixed."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engagement.errors import DataError, OutputError
from engagement.evaluation.embedded import Embedded, embed, no_face
from engagement.evaluation.embedder import Faces

RECIPE = {"data": "test", "weights_sha256": "a" * 64}


class Maker:
    """Makes items whose numbers say which item they are of, and remembers what it made."""

    def __init__(self, faces: int = 3, broken: Sequence[str] = ()) -> None:
        self.made: list[str] = []
        self.faces = faces
        self.broken = broken

    def __call__(self, keys: Sequence[str]) -> Iterator[Embedded]:
        for key in keys:
            self.made.append(key)
            if key in self.broken:
                yield no_face(key, f"{key} is broken")
            elif key.startswith("empty"):
                yield no_face(key)
            else:
                frames = np.arange(self.faces, dtype=np.int32)
                yield Embedded(key, frames, Faces(self._rows(key, 5), self._rows(key, 2)))

    def _rows(self, key: str, size: int) -> np.ndarray:
        start = float(sum(key.encode()))
        return (start + np.arange(self.faces * size).reshape(-1, size)).astype(np.float32)


def contents(items: Iterator[Embedded]) -> list[tuple]:
    return [
        (i.key, i.frames.tolist(), i.faces.embeddings.tolist(), i.faces.outputs.tolist(), i.problem)
        for i in items
    ]


def test_items_come_in_the_order_of_their_keys_with_and_without_a_file(tmp_path: Path) -> None:
    keys = ["b", "a", "empty", "c"]
    without = contents(embed(keys, Maker()))
    assert [row[0] for row in without] == ["a", "b", "c", "empty"]
    assert contents(embed(keys, Maker(), file=tmp_path / "e.parquet", recipe=RECIPE)) == without


def test_a_second_run_reads_what_the_first_one_wrote(tmp_path: Path) -> None:
    file, keys = tmp_path / "e.parquet", ["b", "a", "empty"]
    first, second = Maker(), Maker()
    made = contents(embed(keys, first, file=file, recipe=RECIPE))
    assert contents(embed(keys, second, file=file, recipe=RECIPE)) == made
    assert (first.made, second.made) == (["a", "b", "empty"], [])
    assert list(tmp_path.iterdir()) == [file]


def test_items_longer_than_a_batch_of_the_file_come_back_whole(tmp_path: Path) -> None:
    file, keys = tmp_path / "e.parquet", ["a", "b", "c"]
    made = contents(embed(keys, Maker(faces=3000), file=file, recipe=RECIPE))
    assert contents(embed(keys, Maker(), file=file, recipe=RECIPE)) == made


def test_what_is_missing_is_added_and_nothing_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "e.parquet"
    list(embed(["b", "d"], Maker(), file=file, recipe=RECIPE))
    more = Maker()
    wanted = ["a", "d", "c"]
    assert contents(embed(wanted, more, file=file, recipe=RECIPE)) == contents(
        embed(wanted, Maker())
    )
    assert more.made == ["a", "c"]
    last = Maker()
    list(embed(["a", "b", "c", "d"], last, file=file, recipe=RECIPE))
    assert last.made == []


def test_a_run_that_is_stopped_keeps_what_it_had(tmp_path: Path) -> None:
    file, keys = tmp_path / "e.parquet", [f"item {i:02}" for i in range(20)]

    def stops(missing: Sequence[str]) -> Iterator[Embedded]:
        for number, item in enumerate(Maker()(missing)):
            if number == 12:
                raise KeyboardInterrupt
            yield item

    with pytest.raises(KeyboardInterrupt):
        list(embed(keys, stops, file=file, recipe=RECIPE))
    rest = Maker()
    assert contents(embed(keys, rest, file=file, recipe=RECIPE)) == contents(embed(keys, Maker()))
    assert rest.made == keys[12:]


def test_a_second_run_that_is_stopped_early_does_not_shorten_the_file(tmp_path: Path) -> None:
    file = tmp_path / "e.parquet"
    list(embed(["x", "y", "z"], Maker(), file=file, recipe=RECIPE))

    def fails(missing: Sequence[str]) -> Iterator[Embedded]:
        raise KeyboardInterrupt
        yield

    with pytest.raises(KeyboardInterrupt):
        list(embed(["a", "x", "y", "z"], fails, file=file, recipe=RECIPE))
    last = Maker()
    list(embed(["x", "y", "z"], last, file=file, recipe=RECIPE))
    assert last.made == []
    assert list(tmp_path.iterdir()) == [file]


def test_what_could_not_be_read_is_tried_again(tmp_path: Path) -> None:
    file = tmp_path / "e.parquet"
    first = contents(embed(["a", "b"], Maker(broken=["b"]), file=file, recipe=RECIPE))
    assert first[1] == ("b", [], [], [], "b is broken")
    mended = Maker()
    again = contents(embed(["a", "b"], mended, file=file, recipe=RECIPE))
    assert mended.made == ["b"]
    assert again[1][4] is None


def test_another_models_embeddings_are_refused_in_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "e.parquet"
    list(embed(["a"], Maker(), file=file, recipe=RECIPE))
    before = file.read_bytes()
    other = Maker()
    with pytest.raises(DataError, match=r"was made otherwise \(weights_sha256 aaa.*now bbb"):
        list(embed(["a"], other, file=file, recipe=RECIPE | {"weights_sha256": "b" * 64}))
    assert other.made == []
    assert file.read_bytes() == before


def test_other_files_are_refused_and_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "notes.parquet"
    text.write_text("my notes")
    with pytest.raises(DataError, match="cannot be read as embeddings"):
        list(embed(["a"], Maker(), file=text, recipe=RECIPE))
    assert text.read_text() == "my notes"
    foreign = tmp_path / "foreign.parquet"
    pq.write_table(pa.table({"item": ["a"]}), foreign)
    with pytest.raises(DataError, match="does not hold the embeddings of an evaluation"):
        list(embed(["a"], Maker(), file=foreign, recipe=RECIPE))


def test_a_file_in_no_folder_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        list(embed(["a"], Maker(), file=tmp_path / "no" / "e.parquet", recipe=RECIPE))


def test_progress_reaches_the_end(tmp_path: Path) -> None:
    shares: list[float] = []
    list(embed(["a", "b", "c", "d"], Maker(), on_progress=shares.append))
    assert shares == [0.25, 0.5, 0.75, 1.0]
