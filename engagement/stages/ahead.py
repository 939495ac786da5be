"""Run an iterator in a thread of its own, a few items ahead of who takes them."""

from collections.abc import Callable, Iterable, Iterator
from queue import Empty, Full, Queue
from threading import Event, Thread
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")

_LOOK_S = 0.1
_WAIT_S = 0.3


class Ahead(Generic[T]):
    """The items of an iterable, made in another thread, at most `size` ahead.

    Used in a ``with`` block, whose end stops the thread. What the iterable raises is raised where
    its items are taken, after those that came before.

    Args:
        items: iterated in the thread.
        size: so many items wait to be taken; then the thread waits.
        on_wait: called several times a second while an item is waited for; may raise.
        on_exit: called when the block ends, for an iterable that may be long in making an item.
    """

    def __init__(
        self,
        items: Iterable[T],
        size: int,
        *,
        on_wait: Callable[[], None] | None = None,
        on_exit: Callable[[], None] | None = None,
    ) -> None:
        self._items = items
        self._on_wait = on_wait
        self._on_exit = on_exit
        self._queue: Queue[tuple[T | None, BaseException | None, bool]] = Queue(size)
        self._stop = Event()
        self._thread = Thread(target=self._run, name="ahead", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._on_exit is not None:
            self._on_exit()
        self._thread.join()

    def __iter__(self) -> Iterator[T]:
        while True:
            try:
                item, error, more = self._queue.get(timeout=_WAIT_S)
            except Empty:
                if self._on_wait is not None:
                    self._on_wait()
                continue
            if error is not None:
                raise error
            if not more:
                return
            yield item  # type: ignore[misc]

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            for item in self._items:
                if not self._put((item, None, True)):
                    break
        except BaseException as raised:  # noqa: BLE001 - it is raised again where it is waited for
            error = raised
        self._put((None, error, False))

    def _put(self, entry: tuple[T | None, BaseException | None, bool]) -> bool:
        """Whether the entry was put: False once nobody takes any more."""
        while not self._stop.is_set():
            try:
                self._queue.put(entry, timeout=_LOOK_S)
            except Full:
                continue
            return True
        return False
