"""Reads a pickle without executing it.

A pickle is a program for a stack machine. This is such a machine with everything taken out that
could reach Python: its instructions build plain values, `resolve` decides what a name may stand
for, and what the file calls are functions of ours or nothing. Only the instructions that PyTorch
writes (protocol 2) are known; their arguments are parsed by Python's own `pickletools`, which
executes nothing either.
"""

import io
import pickletools
from collections.abc import Callable, Mapping
from types import MappingProxyType

from engagement.weights.readers.pickle_values import Constructor, Reference, StandIn
from engagement.weights.readers.source import UnreadableError

#: The largest published model takes 60,000 instructions and 140 kB.
MAX_INSTRUCTIONS = 1_000_000
MAX_STREAM_BYTES = 64 << 20
MAX_TEXT_BYTES = 1 << 20
MAX_ITEMS = 100_000
MAX_NESTED_MARKS = 1_000
_MAX_NAME_BYTES = 300

Resolve = Callable[[str, str], object]
Persistent = Callable[[object], object]

_MARK = object()
_OPCODES = MappingProxyType({op.code.encode("latin-1"): op for op in pickletools.opcodes})


class _Machine:
    """The stack, the memo, and one method an instruction."""

    def __init__(self, resolve: Resolve, persistent: Persistent) -> None:
        self._resolve = resolve
        self._persistent = persistent
        self._stack: list[object] = []
        self._marks = 0
        self._memo: dict[int, object] = {}

    def result(self) -> object:
        if len(self._stack) != 1 or self._stack[0] is _MARK:
            raise UnreadableError("its pickle does not end with one value")
        return self._stack[0]

    def protocol(self, version: object) -> None:
        if version != 2:
            raise UnreadableError(f"its pickle is of protocol {version}, and PyTorch's are of 2")

    def push(self, value: object) -> None:
        self._stack.append(value)

    def push_text(self, value: object) -> None:
        if not isinstance(value, str) or len(value) > MAX_TEXT_BYTES:
            raise UnreadableError("its pickle holds a text of over a megabyte")
        self.push(value)

    def pop(self) -> object:
        if not self._stack or self._stack[-1] is _MARK:
            raise UnreadableError("its pickle takes more values than it has")
        return self._stack.pop()

    def mark(self) -> None:
        if self._marks >= MAX_NESTED_MARKS:
            raise UnreadableError("its pickle is nested too deeply")
        self._marks += 1
        self._stack.append(_MARK)

    def pop_to_mark(self) -> list[object]:
        items: list[object] = []
        while self._stack:
            value = self._stack.pop()
            if value is _MARK:
                self._marks -= 1
                return items[::-1]
            items.append(value)
        raise UnreadableError("its pickle takes more values than it has")

    def tuple_of(self, length: int) -> None:
        items = [self.pop() for _ in range(length)]
        self.push(tuple(items[::-1]))

    def append(self, items: list[object]) -> None:
        target = self._top()
        if not isinstance(target, list):
            raise UnreadableError("its pickle appends to what is no list")
        if len(target) + len(items) > MAX_ITEMS:
            raise UnreadableError("its pickle holds a list of over 100,000 items")
        target.extend(items)

    def set_items(self, items: list[object]) -> None:
        target = self._top()
        if not isinstance(target, dict) or len(items) % 2:
            raise UnreadableError("its pickle sets items of what is no dictionary")
        if len(target) + len(items) // 2 > MAX_ITEMS:
            raise UnreadableError("its pickle holds a dictionary of over 100,000 items")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[checked_key(key)] = value

    def put(self, index: object) -> None:
        if not isinstance(index, int) or index > MAX_INSTRUCTIONS:
            raise UnreadableError("its pickle numbers its values beyond any that it can have")
        self._memo[index] = self._top()

    def get(self, index: object) -> None:
        if not isinstance(index, int) or index not in self._memo:
            raise UnreadableError("its pickle refers to a value that it does not have")
        self.push(self._memo[index])

    def name(self, argument: object) -> None:
        module, _, name = str(argument).partition("\n")
        self.push(self._resolve(module, name))

    def persistent(self) -> None:
        self.push(self._persistent(self.pop()))

    def call(self) -> None:
        arguments, function = self.pop(), self.pop()
        if not isinstance(arguments, tuple):
            raise UnreadableError("its pickle calls a name without arguments")
        if isinstance(function, Constructor):
            self.push(function.build(arguments))
        elif isinstance(function, Reference):
            self.push(StandIn(function, arguments))
        else:
            raise UnreadableError("its pickle calls a value that is no class or function")

    def new(self) -> None:
        arguments, cls = self.pop(), self.pop()
        if not isinstance(cls, Reference) or not isinstance(arguments, tuple):
            raise UnreadableError("its pickle makes an object of what is no class")
        self.push(StandIn(cls, arguments))

    def build(self) -> None:
        state, target = self.pop(), self._top()
        if isinstance(target, StandIn):
            target.state = state  # kept as a value; no attribute is ever set
        elif not isinstance(target, dict):  # an OrderedDict's attributes hold versions only
            raise UnreadableError("its pickle gives a state to a plain value")

    def _top(self) -> object:
        if not self._stack or self._stack[-1] is _MARK:
            raise UnreadableError("its pickle takes more values than it has")
        return self._stack[-1]


def checked_key(key: object) -> str | int | None:
    """A dictionary's key or a set's member, of a kind whose hash is cheap and harmless.

    Nested tuples hash recursively, and large integers can be made to collide.
    """
    if key is None or isinstance(key, str):
        return key
    if isinstance(key, int) and abs(key) < 1 << 31:
        return key
    raise UnreadableError(f"its pickle has a dictionary or set with a {type(key).__name__} as key")


_INSTRUCTIONS: Mapping[str, Callable[[_Machine, object], None]] = MappingProxyType(
    {
        "PROTO": _Machine.protocol,
        "NONE": lambda machine, _: machine.push(None),
        "NEWTRUE": lambda machine, _: machine.push(True),
        "NEWFALSE": lambda machine, _: machine.push(False),
        "BININT": _Machine.push,
        "BININT1": _Machine.push,
        "BININT2": _Machine.push,
        "LONG1": _Machine.push,
        "BINFLOAT": _Machine.push,
        "BINUNICODE": _Machine.push_text,
        "EMPTY_TUPLE": lambda machine, _: machine.push(()),
        "EMPTY_LIST": lambda machine, _: machine.push([]),
        "EMPTY_DICT": lambda machine, _: machine.push({}),
        "MARK": lambda machine, _: machine.mark(),
        "TUPLE": lambda machine, _: machine.push(tuple(machine.pop_to_mark())),
        "TUPLE1": lambda machine, _: machine.tuple_of(1),
        "TUPLE2": lambda machine, _: machine.tuple_of(2),
        "TUPLE3": lambda machine, _: machine.tuple_of(3),
        "APPEND": lambda machine, _: machine.append([machine.pop()]),
        "APPENDS": lambda machine, _: machine.append(machine.pop_to_mark()),
        "SETITEM": lambda machine, _: machine.set_items([machine.pop(), machine.pop()][::-1]),
        "SETITEMS": lambda machine, _: machine.set_items(machine.pop_to_mark()),
        "BINPUT": _Machine.put,
        "LONG_BINPUT": _Machine.put,
        "BINGET": _Machine.get,
        "LONG_BINGET": _Machine.get,
        "GLOBAL": _Machine.name,
        "BINPERSID": lambda machine, _: machine.persistent(),
        "REDUCE": lambda machine, _: machine.call(),
        "NEWOBJ": lambda machine, _: machine.new(),
        "BUILD": lambda machine, _: machine.build(),
    }
)


def read_pickle(stream: io.BytesIO, resolve: Resolve, persistent: Persistent) -> object:
    """The next value of `stream`, which is left behind it.

    Args:
        resolve: what a module's name and a name in it stand for.
        persistent: what a persistent identifier stands for.

    Raises:
        UnreadableError: not a pickle of protocol 2, an instruction or a name that no model needs,
            or beyond a limit.
    """
    machine = _Machine(resolve, persistent)
    start = stream.tell()
    for _ in range(MAX_INSTRUCTIONS):
        if stream.tell() - start > MAX_STREAM_BYTES:
            break
        code = stream.read(1)
        opcode = _OPCODES.get(code)
        if opcode is None:
            raise UnreadableError("its pickle is damaged or cut short")
        if opcode.name == "STOP":
            return machine.result()
        # Before its argument is read: only PyTorch's instructions are parsed at all.
        if opcode.name not in _INSTRUCTIONS:
            raise UnreadableError(
                f"its pickle has the instruction {opcode.name}, which PyTorch's model files do not"
            )
        _INSTRUCTIONS[opcode.name](machine, _argument(opcode, stream))
    raise UnreadableError("its pickle is longer than any model's")


def _argument(opcode: pickletools.OpcodeInfo, stream: io.BytesIO) -> object:
    try:
        if opcode.name == "GLOBAL":
            # pickletools would resolve escapes in it, which pickle does not.
            lines = [stream.readline(_MAX_NAME_BYTES).decode("ascii") for _ in range(2)]
            if all(line.endswith("\n") for line in lines):
                return "".join(lines).removesuffix("\n")
            raise UnreadableError("its pickle is damaged or cut short")
        return opcode.arg.reader(stream) if opcode.arg else None
    except ValueError as error:  # what pickletools says of a broken stream
        raise UnreadableError("its pickle is damaged or cut short") from error
