"""The registry of models, and `engagement models` as its user sees it."""

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engagement import cli, cli_models
from engagement.errors import ModelError
from engagement.weights import fetch, registry
from engagement.weights.cache import converted_folder, models_folder
from engagement.weights.registry import (
    AUTO_ORDER,
    DEFAULT_EXPRESSION,
    EMBEDDING_SIZES,
    MODELS,
    PublishedFile,
    RegisteredModel,
    find_model,
)
from tests.engagement import model_server
from tests.engagement.conftest import DATA
from tests.engagement.model_server import BODY, NAME, OTHER, TINY, blob_id

own_home = model_server.own_home

PAGE = Path(__file__).resolve().parents[2] / "docs" / "models.md"
PUBLISHED = [
    "mobilenet_7",
    "enet_b0_8_best_afew",
    "enet_b0_8_best_vgaf",
    "enet_b0_8_va_mtl",
    "enet_b0_7",
    "enet_b2_7",
    "enet_b2_8",
    "enet_b2_8_best",
    "mbf_va_mtl",
    "mobilevit_va_mtl",
]


# What the registry says.


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_published_model_can_be_had(name: str) -> None:
    model = MODELS[name]
    assert model.kind == "expression"
    assert model.main_file is not None
    assert model.main_file.name == f"{name}.{'h5' if name == 'mobilenet_7' else 'pt'}"
    assert model.main_file.format == ("keras" if name == "mobilenet_7" else "torch")
    assert model.spec is not None
    assert model.spec.crop.style == "box"
    assert len(model.spec.classes) == (7 if name.endswith("_7") else 8)
    assert model.spec.predicts_affect == name.endswith("_va_mtl")


def test_every_address_is_of_a_commit_and_every_file_has_its_own_blob_id() -> None:
    files = [file for model in MODELS.values() for file in model.files]
    assert len({file.git_blob for file in files}) == len(files) == 21
    for file in files:
        assert re.fullmatch("[0-9a-f]{40}", file.git_blob)
        for source in file.sources:
            assert re.fullmatch(
                r"https://github\.com/[\w-]+/[\w-]+/raw/[0-9a-f]{40}/models/\S+", source.url
            )
            assert source.url.endswith(f"/{file.name}")


def test_the_addresses_and_blob_ids_are_those_of_the_list() -> None:
    table = DATA / "hsemotion-checkpoints.tsv"
    if not table.is_file():
        pytest.skip(f"the list of checkpoints is not here: {table} (set ENGAGEMENT_TEST_DATA)")
    with table.open() as lines:
        listed = {tuple(row[:3]): row[3] for row in csv.reader(lines, delimiter="\t")}
    for model in MODELS.values():
        for file in model.files:
            for source in file.sources:
                assert listed[source.repo, source.commit, source.path] == file.git_blob
            assert list(listed.values()).count(file.git_blob) == len(file.sources)


def test_the_bundled_model_is_what_its_file_says() -> None:
    from engagement.weights.expression_file import read_expression_spec

    model = MODELS[DEFAULT_EXPRESSION]
    assert model.bundled is not None
    assert model.spec == read_expression_spec(model.bundled)


def test_sizes_and_costs_are_those_of_the_networks() -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from engagement.networks.architectures import ARCHITECTURES, build

    for name, architecture in ARCHITECTURES.items():
        assert EMBEDDING_SIZES[name] == architecture.embedding_size
    seen = {(m.architecture, m.spec.input.size): m for m in MODELS.values() if m.spec}
    for (architecture, size), model in seen.items():
        # Shapes without numbers: nothing is computed, only counted.
        with torch.device("meta"), FlopCounterMode(display=False) as counter:
            build(architecture, 8)(torch.zeros(1, 3, size, size))
        assert counter.get_total_flops() / 2e6 == pytest.approx(model.multiply_adds, rel=0.01)


def test_auto_prefers_published_accuracy_and_ends_with_the_bundled_model() -> None:
    assert sorted(AUTO_ORDER) == sorted([*PUBLISHED, DEFAULT_EXPRESSION])
    assert AUTO_ORDER[0] == "enet_b2_8_best"
    assert AUTO_ORDER[-1] == DEFAULT_EXPRESSION


def test_a_misspelt_name_gets_the_nearest_ones() -> None:
    with pytest.raises(
        ModelError, match=r"no model 'enet_b0_8_vgaf'\. Did you mean enet_b0_8_"
    ) as e:
        find_model("enet_b0_8_vgaf")
    assert "enet_b0_8_best_vgaf" in str(e.value)
    assert e.value.code == "model_unknown"
    with pytest.raises(ModelError, match="Known are mobilenet_7_fer, "):
        find_model("resnet")


def test_speed_follows_the_phone_or_else_the_operations() -> None:
    assert [MODELS[n].speed for n in ("mobilenet_7", "enet_b0_7", "enet_b2_7")] == [
        "fast",
        "medium",
        "slow",
    ]
    assert MODELS["mobilevit_va_mtl"].speed == "slow"


# The command. Its user has one published model, small enough for a test, beside the bundled one.

Run = Callable[..., tuple[int, str, str]]
ONNX = PublishedFile("tiny.onnx", "onnx", blob_id(OTHER), TINY.sources)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `engagement models` in this process: (exit code, standard output, standard error)."""
    tiny = RegisteredModel(
        "tiny", "expression", "Tiny.", "mobilefacenet", MODELS["mbf_va_mtl"].spec, 1, (TINY, ONNX)
    )
    few = {"tiny": tiny, DEFAULT_EXPRESSION: MODELS[DEFAULT_EXPRESSION]}
    for module in (registry, cli_models, fetch):
        monkeypatch.setattr(module, "MODELS", few)

    def command(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["engagement", "models", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "mirror"
    folder.mkdir()
    (folder / NAME).write_bytes(BODY)
    (folder / ONNX.name).write_bytes(OTHER)
    monkeypatch.setenv("ENGAGEMENT_MODEL_MIRROR", str(folder))
    return folder


def test_a_model_is_fetched_found_checked_and_removed(
    run: Run, mirror: Path, tmp_path: Path
) -> None:
    code, out, err = run("path", "tiny")
    assert (code, out) == (2, "")
    assert err == ("engagement: tiny is not on this machine. Run `engagement models fetch tiny`.\n")
    assert run("fetch", "tiny") == (0, f"{NAME} fetched: {models_folder() / NAME}\n", "")
    assert run("fetch", "tiny")[1] == f"{NAME} is here already: {models_folder() / NAME}\n"
    assert run("path", "tiny") == (0, f"{models_folder() / NAME}\n", "")
    assert run("path", "tiny", "--onnx")[0] == 2
    assert run("verify", "tiny") == (0, f"ok     {models_folder() / NAME}\n", "")
    assert re.search(r"^tiny +cache +8\+VA", run()[1], re.M)
    assert run("remove", "tiny") == (0, "tiny removed\n", "")
    assert run("remove", "tiny") == (0, "tiny is not in the cache\n", "")
    assert run("verify", "tiny") == (0, "no file of these models is here\n", "")
    assert re.search(r"^tiny +no +8\+VA", run()[1], re.M)


def test_onnx_is_fetched_when_it_is_asked_for(run: Run, mirror: Path) -> None:
    run("fetch", "--all")
    assert run("path", "tiny", "--onnx")[0] == 2
    code, out, _ = run("fetch", "--all", "--onnx")
    assert code == 0
    assert out.splitlines() == [
        f"{NAME} is here already: {models_folder() / NAME}",
        f"{ONNX.name} fetched: {models_folder() / ONNX.name}",
        f"{DEFAULT_EXPRESSION} comes with the package",
    ]
    (models_folder() / NAME).unlink()
    assert "cache (onnx)" in run()[1]


def test_a_wrong_file_is_found_and_the_cure_told(run: Run, tmp_path: Path) -> None:
    ours, theirs = models_folder() / NAME, tmp_path / "home" / ".hsemotion" / NAME
    for path in (ours, theirs):
        path.parent.mkdir(parents=True)
        path.write_bytes(OTHER)
    code, out, err = run("verify")
    assert (code, err) == (1, "")
    assert f"wrong  {ours}\n" in out
    assert f"wrong  {theirs}\n" in out
    assert f"its git blob id is {blob_id(OTHER)}, the published file's is {TINY.git_blob}" in out
    assert "`engagement models remove tiny`, then `engagement models fetch tiny`" in out
    assert "delete it" in out
    assert f"ok     {MODELS[DEFAULT_EXPRESSION].bundled}" in out
    assert run("remove", "--all")[1].splitlines() == [
        "tiny removed",
        f"{DEFAULT_EXPRESSION} comes with the package and stays",
    ]
    assert theirs.read_bytes() == OTHER


def test_removing_takes_what_was_made_of_it_and_what_was_begun(run: Run, mirror: Path) -> None:
    import hashlib

    run("fetch", "tiny")
    converted_folder().mkdir()
    made = converted_folder() / f"{hashlib.sha256(BODY).hexdigest()}-x.safetensors"
    other = converted_folder() / f"{hashlib.sha256(OTHER).hexdigest()}-x.safetensors"
    begun = models_folder() / "tiny.onnx.part"
    for path in (made, other, begun):
        path.touch()
    run("remove", "tiny")
    assert (made.exists(), other.exists(), begun.exists()) == (False, True, False)


def test_what_others_fetched_is_shown_and_left_alone(run: Run, tmp_path: Path) -> None:
    theirs = tmp_path / "home" / ".emotiefflib" / NAME
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(BODY)
    assert re.search(r"^tiny +~/\.emotiefflib", run()[1], re.M)
    assert run("remove", "tiny")[1] == "tiny is not in the cache\n"
    assert run("path", "tiny")[1] == f"{theirs}\n"


def test_the_bundled_model_has_a_path(run: Run) -> None:
    assert run("path", DEFAULT_EXPRESSION)[1] == f"{MODELS[DEFAULT_EXPRESSION].bundled}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fetch"], "Say which models"),
        (["remove"], "Say which models"),
        (["fetch", "tiny2"], "Did you mean tiny?"),
        (["path", "nonesuch"], "no model 'nonesuch'"),
        (["verify", "nonesuch"], "no model 'nonesuch'"),
        (["remove", "nonesuch"], "no model 'nonesuch'"),
        (["path", DEFAULT_EXPRESSION, "--onnx"], "not published as ONNX"),
    ],
)
def test_a_wrong_wish_is_told_in_one_line(arguments: list[str], words: str, run: Run) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1


def test_a_cache_below_a_file_is_told_in_one_line(
    run: Run, mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ENGAGEMENT_CACHE", str(tmp_path / "file" / "cache"))
    assert run()[0] == 0
    code, out, err = run("fetch", "tiny")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "cannot be made" in err


@pytest.mark.parametrize("width", [80, 100])
def test_the_list_fits(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from engagement.cli import main; main()", "models"],
        env={**os.environ, "COLUMNS": str(width)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert max(map(len, done.stdout.splitlines())) <= width
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line.strip()}
    assert set(MODELS) <= set(lines)
    assert "…" not in done.stdout
    best = lines["enet_b2_8_best"]
    for word in ("no", "8", "260", "63.1", "66.5", "30", "slow"):
        assert word in best.split()
    assert ("efficientnet_b2" in best) == (width == 100)


def test_listing_is_light() -> None:
    code = (
        "import sys; sys.argv = ['engagement', 'models']\n"
        "from engagement.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'cv2', 'timm', 'onnxruntime', 'requests'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "enet_b0_8_best_vgaf" in done.stdout


def test_the_list_is_there_for_programs(run: Run, mirror: Path) -> None:
    run("fetch", "tiny")
    tiny, bundled = json.loads(run("--json")[1])
    assert tiny["here"] == {NAME: str(models_folder() / NAME)}
    assert tiny["files"][0]["git_blob"] == TINY.git_blob
    assert tiny["input_size"] == 112
    assert tiny["predicts_affect"] is True
    assert bundled["bundled"] is True
    assert Path(bundled["here"]["mobilenet_7_fer.safetensors"]).is_file()


def test_the_page_of_the_models_is_in_step_with_the_registry() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for table in cli_models.markdown_tables().split("\n\n"):
        assert table in page, "run `engagement models --markdown` and put its tables into the page"
    order = page.partition("`--model auto`")[2].partition("## Which one")[0]
    assert tuple(word for word in re.findall(r"\w+", order) if word in MODELS) == AUTO_ORDER
