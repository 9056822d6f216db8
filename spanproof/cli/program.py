"""Run a target in this process the way that `python` would, down to what it sees of itself.

A new module is `__main__` for good, as a program's own threads, callbacks at exit and pickled objects expect, and as the children
of `multiprocessing` need to find it by its `__file__` or `__spec__`. (`runpy` takes its module away again when the code has run.)
"""

from __future__ import annotations

import builtins
import importlib.util
import io
import os
import pkgutil
import sys
from importlib.machinery import ModuleSpec, SourceFileLoader, SourcelessFileLoader
from types import CodeType, ModuleType
from typing import Final

from .target import Target

_KEPT: Final[list[ModuleType]] = []
"""The module that was `__main__` before; it holds us, and must outlive the program."""


def enter(target: Target) -> None:
    """Set what a program finds before its first line: `sys.argv`, `sys.path`, `__main__`."""
    sys.argv = ["-m" if target.kind == "module" else target.name, *target.arguments]
    if not sys.flags.safe_path and sys.path:
        sys.path[0] = target.path_entry
    elif target.kind == "container":
        sys.path.insert(0, target.path_entry)
    _KEPT.append(sys.modules["__main__"])
    main = ModuleType("__main__")
    main.__dict__["__builtins__"] = builtins
    if sys.version_info < (3, 14):
        vars(main)["__annotations__"] = {}
    sys.modules["__main__"] = main


def execute(target: Target) -> None:
    """Run it. Whatever it raises comes out with frames of ours first; see `own_traceback`."""
    main = sys.modules["__main__"]
    code = _load_script(target, main) if target.kind == "script" else _load_spec(target, main)
    exec(code, main.__dict__)  # noqa: S102  # running the user's program is what we are here for


def _load_script(target: Target, main: ModuleType) -> CodeType:
    file = os.path.abspath(target.name)  # noqa: PTH100 - as the interpreter makes it: resolve() would follow links
    main.__file__ = file
    main.__dict__["__cached__"] = None
    if file.endswith(".pyc"):
        loader = SourcelessFileLoader("__main__", file)
        main.__loader__ = loader
        code = loader.get_code("__main__")
        if code is None:
            raise ImportError(f"{file} holds no code")
        return code
    main.__loader__ = SourceFileLoader("__main__", file)
    with io.open_code(file) as stream:
        return compile(stream.read(), file, "exec", dont_inherit=True)


def _load_spec(target: Target, main: ModuleType) -> CodeType:
    spec = _main_of_container(target.path_entry) if target.kind == "container" else _spec_of_module(target.name)
    loader = spec.loader
    get_code = getattr(loader, "get_code", None)
    code = get_code(spec.name) if get_code is not None else None
    if not isinstance(code, CodeType):
        raise ImportError(f"{spec.name} has no Python code to run")  # noqa: TRY004 - the interpreter's own error for this
    main.__spec__ = spec
    main.__loader__ = loader
    main.__package__ = spec.parent
    main.__file__ = spec.origin
    main.__dict__["__cached__"] = spec.cached
    if target.kind == "module" and spec.origin is not None:
        sys.argv[0] = spec.origin
    return code


def _spec_of_module(name: str) -> ModuleSpec:
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = importlib.util.find_spec(f"{name}.__main__")
    if spec is None:
        raise ImportError(f"No module named {name}", name=name)
    return spec


def _main_of_container(path: str) -> ModuleSpec:
    finder = pkgutil.get_importer(path)
    spec = finder.find_spec("__main__", None) if finder is not None else None
    if spec is None:
        raise ImportError(f"can't find '__main__' module in {path!r}")
    return spec
