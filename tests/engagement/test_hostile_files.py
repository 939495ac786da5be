"""Model files whose pickle is made to do harm: one clear sentence each, and nothing is executed.

What would execute is first executed for real, by Python's own unpickler, to prove that the canary
can sing; then it is read, and must not.
"""

import copyreg
import os
import pickle
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from engagement.weights.loading import load_custom
from engagement.weights.readers.checkpoint import read_checkpoint
from tests.engagement.checkpoints.hostile import (
    PARTS,
    archive,
    call,
    dictionary,
    legacy,
    module,
    name,
    number,
    refused,
    state_dict,
    storage,
    stream,
    tensor,
    text,
    tup,
)

SONG: list[str] = []


class Singer:
    """An object that sings when it is unpickled, in each of the ways in which one can."""

    def __new__(cls, *args: object, **_: object) -> "Singer":
        SONG.append("new") if args else None
        return super().__new__(cls)

    def __setstate__(self, state: object) -> None:
        SONG.append("setstate")


def sing(*_: object) -> dict[str, object]:
    SONG.append("called")
    return {}


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """Nothing may have sung at the end of a test."""
    SONG.clear()
    yield
    assert not SONG


ME = __name__
OWN_SING = name(ME, "sing")
OWN_CLASS = name(ME, "Singer")


def test_the_pieces_above_make_files_that_are_read(tmp_path: Path) -> None:
    numbers = np.arange(4, dtype="<f4").tobytes()
    good = tmp_path / "good.pt"
    good.write_bytes(archive(state_dict(tensor()), {"0": numbers}))
    assert read_checkpoint(good).tensors["t"].tolist() == [0, 1, 2, 3]
    after = pickle.dumps(["0"], 2) + (4).to_bytes(8, "little") + numbers
    good.write_bytes(legacy(state_dict(tensor()), after))
    assert read_checkpoint(good).tensors["t"].tolist() == [0, 1, 2, 3]


class Reduced:
    """Pickles as a call."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


def of_system(canary: Path) -> bytes:
    return pickle.dumps(Reduced(os.system, f"touch {canary}"), 2)


def of_eval(canary: Path) -> bytes:
    return pickle.dumps(Reduced(eval, f"open({str(canary)!r}, 'w').close()"), 2)


def of_exec_in_a_state_dict(canary: Path) -> bytes:
    return pickle.dumps({"weight": Reduced(exec, f"open({str(canary)!r}, 'w').close()")}, 2)


def of_subprocess(canary: Path) -> bytes:
    return pickle.dumps(Reduced(subprocess.check_call, ["touch", str(canary)]), 2)


def of_a_path(canary: Path) -> bytes:
    return pickle.dumps(Reduced(Path.touch, canary), 2)


def of_getattr(canary: Path) -> bytes:
    module = call(name("builtins", "__import__"), text("os"))
    return stream(
        call(call(name("builtins", "getattr"), module, text("system")), text(f"touch {canary}"))
    )


def of_nested_reduces(canary: Path) -> bytes:
    command = call(name("builtins", "str"), text(f"touch {canary}"))
    inner = call(name("functools", "partial"), name("os", "system"), command)
    return stream(call(inner))


def of_torch_itself(canary: Path) -> bytes:
    # torch.serialization and others import os; protocol 4 would walk the dots.
    return (
        b"\x80\x04"
        + text("torch.serialization")
        + text("os.system")
        + b"\x93"
        + tup(text(f"touch {canary}"))
        + b"R."
    )


def of_map_and_list(canary: Path) -> bytes:
    mapped = call(
        name("builtins", "map"), name("os", "system"), b"]" + text(f"touch {canary}") + b"a"
    )
    return stream(call(name("builtins", "list"), mapped))


EXECUTING = [
    of_system,
    of_eval,
    of_exec_in_a_state_dict,
    of_subprocess,
    of_a_path,
    of_getattr,
    of_nested_reduces,
    of_torch_itself,
    of_map_and_list,
]


@pytest.mark.parametrize("layout", [archive, legacy], ids=["zip", "legacy"])
@pytest.mark.parametrize("make", EXECUTING, ids=lambda make: make.__name__)
def test_a_file_that_runs_a_command_is_refused_and_runs_nothing(
    tmp_path: Path, make: Callable[[Path], bytes], layout: Callable[[bytes], bytes]
) -> None:
    canary = tmp_path / "canary"
    pickle.loads(make(canary))  # noqa: S301
    assert canary.exists(), "this canary cannot sing"
    canary.unlink()
    sentence = refused(tmp_path / "hostile.pt", layout(make(canary)))
    assert "its pickle" in sentence
    assert not canary.exists()
    refused(tmp_path / "hostile.pt", layout(make(canary)), load_custom)
    assert not canary.exists()


def test_the_name_that_was_asked_for_is_in_the_sentence(tmp_path: Path) -> None:
    path = tmp_path / "hostile.pt"
    assert f"asks for '{os.name}.system'" in refused(path, archive(of_system(tmp_path / "x")))
    assert "asks for 'builtins.getattr'" in refused(path, archive(of_getattr(tmp_path / "x")))
    assert "asks for '__builtin__.eval'" in refused(path, archive(of_eval(tmp_path / "x")))


def test_a_setting_in_the_environment_is_not_made(tmp_path: Path) -> None:
    pickled = stream(call(name("os", "putenv"), text("CANARY"), text("1")))
    pickle.loads(pickled)  # noqa: S301
    assert os.system('test -n "$CANARY"') == 0, "this canary cannot sing"  # noqa: S605
    os.unsetenv("CANARY")
    refused(tmp_path / "hostile.pt", archive(pickled))
    assert os.system('test -z "$CANARY"') == 0  # noqa: S605


INSTRUCTIONS = {
    "INST": b"(" + f"i{ME}\nsing\n".encode() + b".",
    "OBJ": b"(" + OWN_SING + b"o.",
    "NEWOBJ": b"\x80\x02" + OWN_CLASS + tup(text("x")) + b"\x81.",
    "NEWOBJ_EX": b"\x80\x04" + OWN_CLASS + tup(text("x")) + b"}" + b"\x92.",
    "BUILD": b"\x80\x02" + OWN_CLASS + b")\x81}b.",
    "STACK_GLOBAL": b"\x80\x04" + text(ME) + text("sing") + b"\x93)R.",
    "REDUCE": stream(OWN_SING + b")R"),
    "EXT1": b"\x80\x02\x82\xf1)R.",
    "EXT2": b"\x80\x02\x83\xf1\xf1)R.",
    "EXT4": b"\x80\x02\x84\xf1\xf1\xf1\x01)R.",
    "protocol 0": f"c{ME}\nsing\n(tR.".encode(),
    "framed": b"\x80\x04\x95" + (len(OWN_SING) + 3).to_bytes(8, "little") + OWN_SING + b")R.",
}


@pytest.fixture
def extensions() -> Iterator[None]:
    codes = (0xF1, 0xF1F1, 0x1F1F1F1)
    names = ("sing", "Singer", "SONG")
    for code, attribute in zip(codes, names, strict=True):
        copyreg.add_extension(ME, attribute, code)
    yield
    for code, attribute in zip(codes, names, strict=True):
        copyreg.remove_extension(ME, attribute, code)


@pytest.mark.parametrize("instruction", INSTRUCTIONS)
@pytest.mark.usefixtures("extensions")
def test_every_instruction_that_makes_objects_is_refused_or_inert(
    tmp_path: Path, instruction: str
) -> None:
    pickled = INSTRUCTIONS[instruction]
    if instruction not in ("EXT2", "EXT4"):  # these name what cannot sing
        pickle.loads(pickled)  # noqa: S301
        assert SONG, "this canary cannot sing"
        SONG.clear()
    for layout in (archive, legacy):
        refused(tmp_path / "hostile.pt", layout(pickled))
        assert not SONG


def test_functions_of_pytorch_and_timm_are_not_called_either(tmp_path: Path) -> None:
    gadgets = [
        call(name("torch.nn.functional", "importlib"), text("os")),
        call(name("timm.models", "create_model"), text("resnet18")),
        call(name("torch.nn.modules.module", "register_module_forward_hook"), text("x")),
        call(name("torch.nn.init", "constant_"), tensor(), number(1)),
    ]
    for gadget in gadgets:
        assert "in it is no module" in refused(tmp_path / "hostile.pt", archive(stream(gadget)))
        in_state = archive(state_dict(gadget))
        assert "neither a network nor" in refused(tmp_path / "hostile.pt", in_state)
    dotted = archive(stream(name("torch.nn.functional", "importlib.import_module") + b")R"))
    assert "asks for 'torch.nn.functional.importlib" in refused(tmp_path / "hostile.pt", dotted)
    assert not nn.modules.module._global_forward_hooks


def test_a_state_with_special_names_is_a_state_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "odd.pt"
    special = {"__class__": name("torch.nn", "Linear"), "__dict__": b"}", "__setstate__": b"N"}
    special |= {"forward": text("x"), "__reduce__": b"N", "__init__": b"N"}
    path.write_bytes(archive(stream(module(dictionary(**PARTS, **special)))))
    checkpoint = read_checkpoint(path)
    assert checkpoint.tensors.keys() == {"t"}
    assert checkpoint.modules[""].kind == "Sequential"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"]" + b"}b", "gives a state to a plain value"),
        (tensor() + b"}b", "gives a state to a plain value"),
        (name("torch.nn", "Linear") + b"}b", "gives a state to a plain value"),
        (name("torch.nn", "Linear") + b")R)R", "calls a value that is no class"),
        (name("torch.nn", "Linear") + b"NR", "calls a name without arguments"),
        (text("torch.nn.Linear") + b")R", "calls a value that is no class"),
        (b"K\x01)\x81", "makes an object of what is no class"),
        (name("torch._utils", "_rebuild_tensor_v2") + b")\x81", "makes an object of what is no"),
        (b"}b", "takes more values"),
        (b"", "takes more values|does not end"),
        (b"NN", "does not end with one value"),
        (b"(", "does not end with one value"),
        (b"Nt", "takes more values"),
        (b"(NNs", "takes more values"),
        (b"N(NNu", "sets items of what is no dictionary"),
        (b"}(Nu", "sets items of what is no dictionary"),
        (b"NNa", "appends to what is no list"),
        (b"h\x05", "refers to a value that it does not have"),
        (b"NQ", "describes a storage in an unknown way"),
        (b"}]Ns", "with a list as key"),
        (b"}}Ns", "with a dict as key"),
        (b"}((N\x85tNu", "with a tuple as key"),
        (b"}" + number((1 << 61) - 1) + b"Ns", "with a int as key"),
        (module(b"N"), "is no module of a network"),
        (module(dictionary(_modules=b"N")), "not laid out as PyTorch's"),
        (module(dictionary(_modules=b"}", _buffers=b"]")), "not laid out as PyTorch's"),
        (module(dictionary(_modules=b"}", _non_persistent_buffers_set=b"]")), "not laid out"),
        (module(dictionary(_modules=dictionary(x=b"K\x01"))), "'x' is no module"),
        (module(dictionary(_modules=b"}", _parameters=dictionary(x=b"K\x01"))), "'x' in it is no"),
        (module(dictionary(_modules=b"}K\x01" + module(b"}") + b"s")), "without a proper name"),
        (module(dictionary(**{**PARTS, "_parameters": dictionary(**{"a.b": tensor()})})), "proper"),
    ],
)
def test_a_pickle_that_makes_no_sense_is_refused(tmp_path: Path, body: bytes, says: str) -> None:
    assert re.search(says, refused(tmp_path / "hostile.pt", archive(stream(body))))


def nested_lists() -> bytes:
    pairs = (b"]q%c(h%ch%ce" % (i, i - 1, i - 1) for i in range(1, 200))
    return stream(b"(]q\x00" + b"".join(pairs) + b"t")


LARGE = {
    "memo index of four thousand million": (stream(b"Nr" + b"\xff" * 4), "numbers its values"),
    "text that claims 4 GB": (stream(b"X\xff\xff\xff\xff" + b"a"), "cut short"),
    "text of 2 MB": (stream(text("a" * (2 << 20))), "text of over a megabyte"),
    "integer that claims 2 GB": (stream(b"\x8b\xff\xff\xff\x7f1"), "instruction LONG4"),
    "integer that is cut short": (stream(b"\x8a\xff1"), "cut short"),
    "frame of 2 ** 63": (b"\x80\x02\x95" + b"\xff" * 8 + b"N.", "instruction FRAME"),
    "bytes that claim 2 ** 63": (b"\x80\x02\x8e" + b"\xff" * 8 + b"N.", "instruction BINBYTES8"),
    "bytearray that claims 2 ** 62": (b"\x80\x05\x96" + b"\xff" * 7 + b"\x3fN.", "protocol 5"),
    "exponential lists": (nested_lists(), "neither a network nor"),
    "a million instructions and more": (stream(b"N" * 1_000_001), "longer than any model"),
    "a tuple in a tuple, 100,000 times": (stream(b")" + b"\x85" * 100_000), "neither a network"),
    "marks in marks": (stream(b"(" * 1_001 + b"t" * 1_001), "nested too deeply"),
    "a list of 100,001": (stream(b"](" + b"N" * 100_001 + b"e"), "over 100,000 items"),
    "a dictionary of itself": (stream(b"}q\x00" + text("model") + b"h\x00s"), "neither a network"),
    "a dictionary in a dictionary": (stream(b"}q\x00" + text("t") + b"h\x00s"), "neither"),
    "a network in itself": (
        stream(module(b"")[:-1] + b"q\x00" + dictionary(_modules=dictionary(x=b"h\x00")) + b"b"),
        "contains itself",
    ),
}


@pytest.mark.parametrize("case", LARGE)
def test_a_pickle_that_claims_or_makes_too_much_is_refused(tmp_path: Path, case: str) -> None:
    pickled, says = LARGE[case]
    for layout in (archive, legacy) if len(pickled) < 200_000 else (archive,):
        assert re.search(says, refused(tmp_path / "large.pt", layout(pickled)))


def test_a_network_that_is_shared_over_and_over_is_refused(tmp_path: Path) -> None:
    # Each level holds the level below twice: a million modules when they are counted out.
    body = module(dictionary(**PARTS))
    for level in range(20):
        kept = body + b"q%c" % level
        again = dictionary(a=kept, b=b"h%c" % level)
        body = module(dictionary(_modules=again))
    assert "over 20000 modules" in refused(tmp_path / "shared.pt", archive(stream(body)))


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (tensor(size=(5,)), "reaches out of its storage"),
        (tensor(offset=1), "reaches out of its storage"),
        (tensor(size=(2,), stride=(4,)), "reaches out of its storage"),
        (tensor(size=(2, 2), stride=(3, 1)), "reaches out of its storage"),
        (tensor(size=(1 << 39,), stride=(0,)), "reaches out of its storage|larger together"),
        (tensor(size=(8,), stride=(0,)), "reaches out of its storage"),
        (tensor(size=(0,), offset=9), "reaches out of its storage"),
        (tensor(size=(-4,)), "impossible shape"),
        (tensor(stride=(-1,), offset=3), "impossible shape"),
        (tensor(offset=-1), "impossible shape"),
        (tensor(size=(1 << 63,)), "impossible shape"),
        (tensor(size=(4, 1), stride=(1,)), "impossible shape"),
        (tensor(size=(1,) * 9, stride=(1,) * 9), "impossible shape"),
        (tensor(stored=storage(count=5), size=(5,)), "has 16 bytes, and 20 are described"),
        (tensor(stored=storage(count=3), size=(3,)), "has 16 bytes, and 12 are described"),
        (tensor(stored=storage(kind="DoubleStorage")), "has 16 bytes, and 32 are described"),
        (tensor(stored=storage(count=-1)), "describes a storage in an unknown way"),
        (tensor(stored=storage(key="1")), "storage '1' is missing"),
        (tensor(stored=storage(key="../data.pkl")), "is missing"),
        (tensor(stored=storage(kind="ComplexFloatStorage")), "asks for 'torch.ComplexFloatSto"),
        (tensor(stored=storage(kind="UntypedStorage")), "asks for 'torch.UntypedStorage'"),
        (tensor(stored=text("0")), "describes a tensor in an unknown way"),
        (call(name("torch._utils", "_rebuild_sparse_tensor"), b"N"), "_rebuild_sparse_tensor'"),
        (call(name("torch._utils", "_rebuild_parameter"), b"N", b"N", b"N"), "describes a parame"),
        (call(name("torch", "Size"), b"N"), "makes a size in an unknown way"),
        (call(name("builtins", "set"), b"N"), "makes a set in an unknown way"),
        (call(name("builtins", "set"), b"](]e"), "with a list as key"),
        (call(name("collections", "OrderedDict"), b"]K\x01a"), "makes a dictionary in an unknown"),
    ],
)
def test_tensors_that_leave_their_storage_or_make_no_sense_are_refused(
    tmp_path: Path, value: bytes, says: str
) -> None:
    assert re.search(says, refused(tmp_path / "hostile.pt", archive(state_dict(value))))


def test_a_storage_described_in_two_ways_is_refused(tmp_path: Path) -> None:
    both = (
        b"}"
        + text("a")
        + tensor()
        + b"s"
        + text("b")
        + tensor(stored=storage(kind="IntStorage"))
        + b"s"
    )
    assert "in two ways" in refused(tmp_path / "two.pt", archive(stream(both)))


def test_many_views_of_one_storage_are_refused(tmp_path: Path) -> None:
    count = 1 << 20
    first = tensor((count,), (1,), stored=storage(count=count) + b"q\x01")
    more = tensor((count,), (1,), stored=b"h\x01")
    items = b"".join(text(f"t{i}") + (more if i else first) for i in range(600))
    data = archive(stream(b"}(" + items + b"u"), {"0": bytes(4 * count)})
    assert "larger together than any model" in refused(tmp_path / "views.pt", data)
