"""Files and sockets that a unit opens, seen without being declared.

`open` is exchanged for the length of a session, in `builtins` and in `io`, where Python code looks the name up at each call; so
are three methods of `socket.socket`. What the program gets is the very object that it would have got, and only a weak reference
is kept. A socket tells when it is closed. A file does not: that it was closed is seen when the object dies, or before the unit
that opened it, or the root above that, ends. Which of the two it was, closed or only collected, cannot be told of a file that
died unseen; of a socket it can.

What is opened by a module that is being imported, by `logging` (open for good), by `linecache` and the like, or in no unit, is
left out. A resource is named by its kind and number: the path is the program's own business.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import io
import socket
import sys
import weakref
from asyncio.events import _get_running_loop  # pyright: ignore[reportPrivateUsage]
from typing import TYPE_CHECKING, Any

from . import vocabulary as v
from .frames import owner_of, site
from .holds import Opening
from .threads import RUNS_WORK, owner_here, work_here

if TYPE_CHECKING:
    from types import FrameType

    from .clocks import LoopState
    from .patching import Patches
    from .recorder import Recorder
    from .records import Attributes

NOT_FOR_THE_UNIT = frozenset(
    {"_frozen_importlib", "_frozen_importlib_external", "importlib", "inspect", "linecache", "logging", "multiprocessing", "pkgutil"}
    | {"runpy", "tokenize", "traceback", "warnings", "zipimport"}
)
"""Modules of the standard library that open files for ends of their own, or for the whole process."""

_FINALIZER_FRAMES = 4
"""So far above the socket's own `close` stands the `__del__` that closes it; what stands further above only happened to be interrupted."""


class _Seen:
    """One file or socket that is open.

    Attributes:
        ref: weak reference to it; its callback goes with it.
    """

    __slots__ = ("key", "kind", "loop", "name", "opening", "ref")

    def __init__(self, opening: Opening, key: int, kind: str, name: str, loop: LoopState) -> None:
        self.opening = opening
        self.key = key
        self.kind = kind
        self.name = name
        self.loop = loop
        self.ref: weakref.ref[Any] | None = None


class Descriptors:
    """The files and sockets of one recording."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._seam = recorder.seams.resource
        self._sockets: dict[int, _Seen] = {}

    def opened(self, thing: Any, kind: str, frame: FrameType) -> None:
        """The running unit has opened a file or a socket."""
        here = owner_here()
        # Not what the recorder opens itself; but `open` may be the very function that a thread was given.
        ours = owner_of(frame.f_code) == "ours" and frame.f_code is not RUNS_WORK
        if here is None or ours or not _by_the_program(frame):
            return
        (unit, loop), recorder = here, self._recorder
        number = recorder.number()
        name = f"{kind} {number}"
        attrs: Attributes = {v.RESOURCE_ID: number, v.RESOURCE_NAME: name, v.RESOURCE_KIND: kind}
        where = site(frame)
        if where is not None:
            attrs[v.AT_FILE], attrs[v.AT_LINE], attrs[v.AT_FUNCTION] = where
        opening = Opening(recorder, unit, number, v.RESOURCE_ACQUIRED, loop.now_ns(), attrs)
        seen = _Seen(opening, id(thing), kind, name, loop)
        seen.ref = weakref.ref(thing, functools.partial(self._died, seen))
        if kind == "socket":
            self._sockets[seen.key] = seen
        else:
            opening.watch(functools.partial(self._look, seen), unit, recorder.holds.root_of(unit))

    def socket_closed(self, thing: Any) -> None:
        """A socket is closed, or gives its descriptor away."""
        seen = self._sockets.pop(id(thing), None)
        if seen is not None and seen.ref is not None and seen.ref() is thing:
            self._released(seen, "collected" if _by_a_finalizer(sys._getframe(2)) else "closed")

    def _look(self, seen: _Seen, at_ns: int) -> None:
        if not self._seam.on:
            return
        with self._seam:
            thing = seen.ref() if seen.ref is not None else None
            if thing is not None and _is_closed(thing):
                self._released(seen, "closed", at_ns=at_ns)

    def _died(self, seen: _Seen, _ref: object) -> None:
        """The garbage collector runs."""
        if not self._seam.on or not self._recorder.alive:
            return
        with self._seam:
            if self._sockets.get(seen.key) is seen:
                del self._sockets[seen.key]
            self._released(seen, "collected" if seen.kind == "socket" else None, late=True)

    def _released(self, seen: _Seen, how: str | None, *, at_ns: int | None = None, late: bool = False) -> None:
        if seen.opening.closed_seq is not None:
            return
        attrs: Attributes = {v.RESOURCE_ID: seen.opening.number, v.RESOURCE_NAME: seen.name, v.RESOURCE_KIND: seen.kind}
        if how is not None:
            attrs[v.RESOURCE_HOW] = how
        seen.opening.close(v.RESOURCE_RELEASED, seen.loop.now_ns() if at_ns is None else at_ns, attrs)
        seen.opening.let_go(late=late)
        seen.ref = None  # its callback refers to the record, which would wait for the garbage collector


def _by_a_finalizer(frame: FrameType | None) -> bool:
    """Whether a `__del__` closes it, as that of a transport of asyncio which nobody closed."""
    for _ in range(_FINALIZER_FRAMES):
        if frame is None:
            break
        if frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False


def _is_closed(file: Any) -> bool:
    try:
        return bool(file.closed)
    except ValueError:  # a detached buffer: the file has been handed on
        return True


def _by_the_program(frame: FrameType | None) -> bool:
    """Whether the program itself, or a library on its behalf, opens something; not a module that is being imported."""
    while frame is not None:
        owner = owner_of(frame.f_code)
        if owner in ("user", "library", "stageflow"):
            return frame.f_code.co_name != "<module>"
        if owner == "stdlib" and str(frame.f_globals.get("__name__", "")).partition(".")[0] in NOT_FOR_THE_UNIT:
            return False
        frame = frame.f_back
    return True


class Opener:
    """Stands in `open`'s place. No function: that would become a method where a class keeps it as an attribute."""

    __wrapped__: Any

    def __init__(self, original: Any, recorder: Recorder, descriptors: Descriptors) -> None:
        functools.update_wrapper(self, original)
        self._recorder = recorder
        self._seam = recorder.seams.resource
        self._descriptors = descriptors

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        file = self.__wrapped__(*arguments, **options)
        if (_get_running_loop() is not None or work_here() is not None) and self._recorder.alive and self._seam.on:
            with self._seam:
                self._descriptors.opened(file, "file", sys._getframe(1))
        return file

    @property
    def __signature__(self) -> inspect.Signature:
        """What `help` and `inspect` show."""
        return inspect.signature(self.__wrapped__)

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __reduce__(self) -> Any:
        return _open_by_name, ()


def _open_by_name() -> Any:
    """What a pickled or copied `open` becomes."""
    return builtins.open


def install(recorder: Recorder, patches: Patches) -> None:
    """Watch `open` and `socket.socket`."""
    descriptors = Descriptors(recorder)
    opener = Opener(builtins.open, recorder, descriptors)
    same = io.open is builtins.open
    patches.set(builtins, "open", opener)
    if same:
        patches.set(io, "open", opener)
    _watch_sockets(recorder, patches, descriptors)
    recorder.seams.resource.install()


def _watch_sockets(recorder: Recorder, patches: Patches, descriptors: Descriptors) -> None:
    cls: Any = socket.socket
    seam = recorder.seams.resource
    initialise, close, detach = cls.__init__, cls._real_close, cls.detach

    @functools.wraps(initialise)
    def __init__(self: Any, *arguments: Any, **options: Any) -> None:
        initialise(self, *arguments, **options)
        if (_get_running_loop() is not None or work_here() is not None) and recorder.alive and seam.on:
            with seam:
                descriptors.opened(self, "socket", sys._getframe(1))

    def left(original: Any) -> Any:
        @functools.wraps(original)
        def leaving(self: Any, *arguments: Any) -> Any:
            result = original(self, *arguments)
            if recorder.alive and seam.on:
                with seam:
                    descriptors.socket_closed(self)
            return result

        return leaving

    patches.set(cls, "__init__", __init__)
    patches.set(cls, "_real_close", left(close))
    patches.set(cls, "detach", left(detach))
