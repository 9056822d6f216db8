"""Learn that the program has imported anyio's backend, the moment after it did.

A finder that finds nothing itself stands first on `sys.meta_path`. Asked for the backend, it lets the others find it and lends
the loader an `exec_module` for that one import; afterwards the loader is as it was, and no object of ours is left in the module.
A hook that is put before it later (pytest's does so) may find the backend without asking; then `look` finds it loaded.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

BACKEND: Final = "anyio._backends._asyncio"
"""The module that holds anyio's scopes and groups on asyncio."""


def loaded(name: str = BACKEND) -> ModuleType | None:
    """The module, once it has been imported to its end; None before."""
    module = sys.modules.get(name)
    return None if module is None or getattr(getattr(module, "__spec__", None), "_initializing", False) else module


class Arrival:
    """Finds nothing; tells once when a module has been imported."""

    def __init__(self, arrived: Callable[[ModuleType], None], name: str = BACKEND) -> None:
        self._name = name
        self._arrived: Callable[[ModuleType], None] | None = arrived
        self._asking = False
        self._lent: tuple[Any, object] | None = None

    def listen(self) -> None:
        """Stand first on the path."""
        sys.meta_path.insert(0, self)

    def look(self) -> None:
        """Tell if the module is there and nobody has told."""
        module = loaded(self._name)
        if module is not None:
            self._tell(module)

    def leave(self) -> None:
        """Be gone from the path, by identity; the program's import system is as it was."""
        self._arrived = None
        self._take_back()
        for position, finder in enumerate(sys.meta_path):
            if finder is self:
                del sys.meta_path[position]
                return

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """None for every other module; the others' answer for the one that is waited for."""
        if name != self._name or self._arrived is None or self._asking:
            return None
        self._asking = True
        try:
            for finder in list(sys.meta_path):
                find = getattr(finder, "find_spec", None)
                spec: ModuleSpec | None = find(name, path, target) if find is not None and finder is not self else None
                if spec is not None:
                    self._lend(spec.loader)
                    return spec
        finally:
            self._asking = False
        return None

    def _lend(self, loader: Any) -> None:
        execute = getattr(loader, "exec_module", None)
        if execute is None:
            return

        def exec_module(module: ModuleType) -> None:
            # One loader may load many modules; they pass through.
            if module.__name__ != self._name:
                execute(module)
                return
            self._take_back()
            execute(module)
            self._tell(module)

        try:
            loader.exec_module = exec_module
        except (AttributeError, TypeError):  # a loader without a __dict__; `look` will find the module
            return
        self._lent = loader, exec_module

    def _take_back(self) -> None:
        lent, self._lent = self._lent, None
        if lent is not None:
            loader, exec_module = lent
            if vars(loader).get("exec_module") is exec_module:
                del loader.exec_module

    def _tell(self, module: ModuleType) -> None:
        arrived = self._arrived
        self.leave()
        if arrived is not None:
            arrived(module)
