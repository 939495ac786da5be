"""`engagement models`: what there is, what is here, and getting, checking and removing it."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from engagement.cli_export import export_command
from engagement.errors import ModelError, OutputError
from engagement.weights.registry import MODELS, PublishedFile, RegisteredModel, find_model

models_app = typer.Typer(
    invoke_without_command=True,
    help="List, fetch, check and export the models. Without a command: list them.",
)
models_app.command("export")(export_command)
_console = Console(highlight=False)
_errors = Console(stderr=True)

#: From this width on there is room for all columns.
_WIDE = 98

Names = Annotated[list[str] | None, typer.Argument(help="Models by name.", show_default=False)]


@models_app.callback()
def list_models(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="List as JSON.")] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="List as the tables of docs/models.md.")
    ] = False,
) -> None:
    """List the models and which of them are here."""
    if context.invoked_subcommand is not None:
        return
    if json:
        from json import dumps

        _write(dumps([_as_json(model) for model in MODELS.values()], indent=2))
    elif markdown:
        _write(markdown_tables())
    else:
        _print_tables()


@models_app.command("fetch")
def fetch_command(
    names: Names = None,
    everything: Annotated[bool, typer.Option("--all", help="All models.")] = False,
    onnx: Annotated[bool, typer.Option("--onnx", help="The published ONNX files too.")] = False,
) -> None:
    """Download models into the cache, and check that they are what was published."""
    from engagement.weights.cache import find_file
    from engagement.weights.fetch import fetch

    for model in _chosen(names, everything):
        if model.bundled is not None:
            _write(f"{model.name} comes with the package")
        elif onnx and model.onnx_file is None and not everything:
            _write(f"{model.name} was not published as ONNX")
        for file in _wanted(model, onnx):
            present = find_file(file)
            if present is not None:
                _write(f"{file.name} is here already: {present}")
                continue
            with _progress(file.name) as on_progress:
                path = fetch(file, on_progress=on_progress)
            _write(f"{file.name} fetched: {path}")


@models_app.command("verify")
def verify_command(names: Names = None) -> None:
    """Check every model file that is here; exit code 1 if one is not what was published."""
    from engagement.weights.cache import copies_of

    wrong = found = 0
    for model in _chosen(names, everything=not names):
        if model.bundled is not None:
            found += 1
            damage = _damage(model.bundled)
            wrong += bool(damage)
            _write(f"{'wrong' if damage else 'ok':5}  {model.bundled}{damage}")
        for file in model.files:
            for copy in copies_of(file):
                found += 1
                wrong += not copy.right
                _write(f"{'ok' if copy.right else 'wrong':5}  {copy.path}")
                if not copy.right:
                    _write(_advice(model, file, copy.path, copy.git_blob))
    if not found:
        _write("no file of these models is here")
    if wrong:
        raise typer.Exit(1)


@models_app.command("path")
def path_command(
    name: Annotated[str, typer.Argument(help="A model by name.")],
    onnx: Annotated[bool, typer.Option("--onnx", help="Of the published ONNX file.")] = False,
) -> None:
    """Print where a model's file is, checked."""
    from engagement.weights.cache import find_file

    model = find_model(name)
    file = model.onnx_file if onnx else model.main_file
    if file is None and onnx:
        raise ModelError(f"{name} was not published as ONNX. Leave --onnx out.")
    path = model.bundled if file is None else find_file(file)
    if path is None:
        raise ModelError(
            f"{name} is not on this machine. Run `engagement models fetch {name}"
            f"{' --onnx' if onnx else ''}`.",
            code="model_absent",
        )
    _write(str(path))


@models_app.command("remove")
def remove_command(
    names: Names = None,
    everything: Annotated[bool, typer.Option("--all", help="All models.")] = False,
) -> None:
    """Delete models and what was made from them from the cache; nothing else is touched."""
    from engagement.weights.cache import conversions_of, models_folder

    for model in _chosen(names, everything):
        removed = False
        for file in model.files:
            path = models_folder() / file.name
            part = path.with_name(f"{path.name}.part")
            leftovers = (part, part.with_name(f"{part.name}.tag"))
            for target in (*conversions_of(path), path, *leftovers):
                removed |= _delete(target)
        if removed:
            _write(f"{model.name} removed")
        elif model.bundled is not None:
            _write(f"{model.name} comes with the package and stays")
        else:
            _write(f"{model.name} is not in the cache")


def markdown_tables() -> str:
    """The tables of docs/models.md, made from the registry."""
    facts = [
        ["model", "architecture", "classes", "input", "embedding", "licence", "file, git blob id"],
        *([*_facts(model), _files_in_markdown(model)] for model in MODELS.values()),
    ]
    figures = [
        ["model", "AffectNet 8", "AffectNet 7", "AFEW", "VGAF", "LSD F1", "MTL", "phone, ms"],
        *(_figures_in_markdown(model) for model in MODELS.values()),
    ]
    figures[0] += ["file, MB", "speed"]
    return "\n\n".join(_in_markdown(rows) for rows in (facts, figures))


def _in_markdown(rows: Sequence[Sequence[str]]) -> str:
    ruled = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join(f"| {' | '.join(row)} |" for row in ruled)


def _facts(model: RegisteredModel) -> list[str]:
    return [
        f"`{model.name}`",
        model.architecture,
        _classes(model),
        _input(model, with_channels=True),
        str(model.embedding_size),
        model.licence,
    ]


def _files_in_markdown(model: RegisteredModel) -> str:
    if model.bundled is not None:
        return "comes with the package"
    # The ONNX file has the same name but for its ending.
    return ", ".join(
        f"{'.onnx' if file.format == 'onnx' else file.name} `{file.git_blob[:10]}`"
        for file in model.files
    )


def _figures_in_markdown(model: RegisteredModel) -> list[str]:
    f = model.figures
    shares = (f.affectnet_8, f.affectnet_7, f.afew, f.vgaf, f.lsd_f1)
    return [
        f"`{model.name}`",
        *(_number(share, 2) for share in shares),
        _number(f.mtl, 3),
        f"{f.phone_ms:g} ± {f.phone_ms_spread:g}" if f.phone_ms is not None else "-",
        f"{f.size_mb:g}" if f.size_mb is not None else "-",
        model.speed,
    ]


def _number(value: float | None, digits: int) -> str:
    if value is None:
        return "-"
    return f"{value:g}" if digits > 1 and round(value, digits) != value else f"{value:.{digits}f}"


def _classes(model: RegisteredModel) -> str:
    if model.kind == "engagement":
        return "2"
    if model.spec is None or not model.spec.classes:
        return "-"
    return f"{len(model.spec.classes)}{'+VA' if model.spec.predicts_affect else ''}"


def _input(model: RegisteredModel, with_channels: bool = False) -> str:
    if model.spec is None:
        return "128 embeddings" if with_channels else "-"
    channels = f" {model.spec.input.channels}" if with_channels else ""
    return f"{model.spec.input.size}{channels}"


def _print_tables() -> None:
    wide = _console.width >= _WIDE
    table = Table(box=None, padding=(0, 2 if wide else 1, 0, 0), pad_edge=False)
    for name in ("model", "here", *(("architecture",) if wide else ())):
        table.add_column(name, no_wrap=True)
    for name in ("classes", "input", "Aff. 8", "Aff. 7", "MB"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("speed")
    others = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for name in ("model", "here", "what it is"):
        others.add_column(name, no_wrap=name != "what it is")
    for model in MODELS.values():
        if model.kind == "expression":
            architecture = (model.architecture,) if wide else ()
            f = model.figures
            figures = (_number(f.affectnet_8, 1), _number(f.affectnet_7, 1), _number(f.size_mb, 0))
            shape = (_classes(model), _input(model))
            table.add_row(model.name, _here(model), *architecture, *shape, *figures, model.speed)
        else:
            others.add_row(model.name, _here(model), model.summary)
    _console.print(table)
    _console.print()
    _console.print(others)
    _console.print(
        "\nVA: valence and arousal. Aff. 8, Aff. 7: published accuracy in % on AffectNet's 8 and 7 "
        "classes.\n`engagement models fetch NAME` gets a model; docs/models.md says more."
    )


def _here(model: RegisteredModel) -> str:
    """Where a model's file is; the authors' own file, or else the published ONNX file."""
    from engagement.weights.cache import find_file

    if model.bundled is not None:
        return "bundled"
    for file in model.files:
        path = find_file(file)
        if path is not None:
            return f"{_place(path)}{' (onnx)' if file.format == 'onnx' else ''}"
    return "no"


def _place(path: Path) -> str:
    from engagement.weights.cache import models_folder

    return "cache" if path.parent == models_folder() else f"~/{path.parent.name}"


def _as_json(model: RegisteredModel) -> dict[str, Any]:
    from engagement.weights.cache import find_file

    here = {file.name: find_file(file) for file in model.files}
    if model.bundled is not None:
        here[model.bundled.name] = model.bundled
    return {
        "name": model.name,
        "kind": model.kind,
        "summary": model.summary,
        "architecture": model.architecture,
        "classes": list(model.spec.classes) if model.spec else [],
        "predicts_affect": model.spec is not None and model.spec.predicts_affect,
        "input_size": model.spec.input.size if model.spec else None,
        "embedding_size": model.embedding_size,
        "figures": asdict(model.figures),
        "multiply_adds_millions": model.multiply_adds,
        "speed": model.speed,
        "licence": model.licence,
        "bundled": model.bundled is not None,
        "here": {name: str(path) for name, path in here.items() if path is not None},
        "files": [
            {
                "name": file.name,
                "format": file.format,
                "git_blob": file.git_blob,
                "urls": [source.url for source in file.sources],
            }
            for file in model.files
        ],
    }


def _chosen(names: Sequence[str] | None, everything: bool) -> list[RegisteredModel]:
    if everything:
        return list(MODELS.values())
    if not names:
        raise ModelError("Say which models, by name, or --all.")
    return [find_model(name) for name in dict.fromkeys(names)]


def _wanted(model: RegisteredModel, onnx: bool) -> list[PublishedFile]:
    return [file for file in model.files if onnx or file.format != "onnx"]


def _damage(bundled: Path) -> str:
    """Why a bundled file cannot be used; an empty text if it can."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(bundled, framework="numpy"):
            return ""
    except (OSError, SafetensorError) as error:
        return f"\n       {error}; install the package again"


def _advice(model: RegisteredModel, file: PublishedFile, path: Path, found: str | None) -> str:
    from engagement.weights.cache import models_folder

    if found is None:
        what = "it cannot be read; mend its permissions"
    else:
        what = f"its git blob id is {found}, the published file's is {file.git_blob}"
    if path.parent == models_folder():
        onnx = " --onnx" if file.format == "onnx" else ""
        cure = (
            f"`engagement models remove {model.name}`, then "
            f"`engagement models fetch {model.name}{onnx}`"
        )
    else:
        cure = "it is never used; delete it if nothing else needs it"
    return f"       {what}\n       {cure}"


def _delete(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise OutputError(
            f"{path} cannot be removed ({error.strerror}). Remove it by hand."
        ) from error
    return True


def _write(text: str) -> None:
    """To standard output as it is: no colours, no wrapping, whatever names it holds."""
    sys.stdout.write(text.encode(errors="replace").decode() + "\n")


@contextmanager
def _progress(title: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar on standard error, for eyes only: in a log it would be stray lines."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    quiet = not _errors.is_terminal
    with Progress(*columns, console=_errors, transient=True, disable=quiet) as progress:
        task = progress.add_task(escape(title), total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
