"""Where a setting comes from: the command line, then `SPANPROOF_*`, then `[tool.spanproof]`, then the default.

The file is the nearest `pyproject.toml` from the working folder upward. Relative paths in it are relative to its folder, those
of the command line and of the environment to the working folder. A key that we do not know is an error in the file and in the
environment alike: a misspelt `ignore` that is silently dropped would change a verdict.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, cast

if TYPE_CHECKING:
    from .analyzers.suppressions import Suppression

Severity = Literal["error", "warning", "info"]
SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "info")
ALLOWANCES: Final = ("unknown", "empty")

Params = Mapping[str, int | float | str]
"""Parameters of criteria, as `{"D01.tolerance_ms": 50}`. Only the criterion knows what its value must be, so texts stay texts here."""


class ConfigError(Exception):
    """A setting that cannot be used. The message says where it stands, its value, what was expected and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a command works with. `origins` says of each name where its value came from."""

    traces: Path = field(default=Path("traces"), metadata={"meaning": "Folder that recordings are written to and looked for in."})
    source_root: Path = field(default=Path(), metadata={"meaning": "Folder that paths in reports are relative to."})
    select: tuple[str, ...] = field(default=(), metadata={"meaning": "Judge only these criteria: ids, families or severities."})
    ignore: tuple[str, ...] = field(default=(), metadata={"meaning": "Do not judge these: ids, families or severities."})
    criteria: tuple[Path, ...] = field(default=(), metadata={"meaning": "Folders with criteria of your own."})
    map: tuple[str, ...] = field(default=(), metadata={"meaning": "Maps for traces of other programs: names of ours, or files."})
    params: Params = field(default_factory=dict[str, int | float | str], metadata={"meaning": "Parameters of criteria."})
    fail_on: Severity = field(default="warning", metadata={"meaning": "Least severity of a violation that makes `check` exit 1."})
    allow: tuple[str, ...] = field(default=(), metadata={"meaning": "What does not make `check` exit 2: unknown, empty."})
    strict: bool = field(default=False, metadata={"meaning": "Ignore the expectations that scenarios carry."})
    suppress: tuple[Suppression, ...] = field(
        default=(), metadata={"meaning": "Findings to live with: tables of criterion, subject, fingerprint, file, function, and a reason."}
    )
    jaeger_url: str | None = field(default=None, metadata={"meaning": "Address of a Jaeger whose pages findings are linked to."})
    baseline: Path | None = field(default=None, metadata={"meaning": "File of known findings, which do not fail."})
    origins: Mapping[str, str] = field(default_factory=dict[str, str], metadata={"meaning": ""})


def meanings() -> dict[str, str]:
    """Each setting's name with one sentence on it, for the reference page."""
    return {item.name: str(item.metadata["meaning"]) for item in fields(Settings) if item.name != "origins"}


OTHER_VARIABLES: Final = {"SPANPROOF_DEBUG": "Show the traceback of an error that is a defect of ours."}
"""Environment variables with our prefix that are no settings: name and meaning. They are left alone."""


def resolve(given: Mapping[str, object] | None = None, *, environ: Mapping[str, str] | None = None, folder: Path | None = None) -> Settings:
    """The settings in force.

    Args:
        given: values of the command line; None and empty ones count as not given.
        environ: the environment, by default that of the process.
        folder: where the search for `pyproject.toml` begins, by default the working folder.

    Raises:
        ConfigError: an unknown key, or a value that cannot be used.
    """
    folder = Path.cwd() if folder is None else folder
    found: dict[str, object] = {}
    origins = dict.fromkeys(_READERS, "default")
    file = nearest_pyproject(folder)
    layers: list[tuple[str, dict[str, object]]] = [
        (str(file), _from_file(file)) if file else ("", {}),
        ("environment", _from_environment(os.environ if environ is None else environ)),
        ("command line", _from_command_line(given or {})),
    ]
    for origin, values in layers:
        found |= values
        origins |= dict.fromkeys(values, origin)
    return Settings(**found, origins=origins)  # type: ignore[arg-type]  # every value has passed its reader


def nearest_pyproject(folder: Path) -> Path | None:
    """The first `pyproject.toml` from `folder` upward, whether it has a table of ours or not."""
    candidates = (parent / "pyproject.toml" for parent in (folder.absolute(), *folder.absolute().parents))
    return next((file for file in candidates if file.is_file()), None)


def parse_params(texts: tuple[str, ...] | list[str], where: str) -> Params:
    """`["D01.tolerance_ms=50"]` as a mapping; `where` is named in the message when one cannot be used."""
    params: dict[str, int | float | str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or "." not in name:
            raise ConfigError(f"{where}: {text!r} is not a parameter. Expected ID.NAME=NUMBER, for example D01.tolerance_ms=50.")
        params[name.strip()] = value.strip()
    return params


# --- Readers: one a setting, from whatever a layer has to a checked value --------------------------------------------------

_Reader = Callable[[object, str, Path], object]
"""(value, where it stands, folder that relative paths start from) -> checked value."""


def _path(value: object, where: str, base: Path) -> Path:
    if not isinstance(value, str | Path) or not str(value):
        raise ConfigError(f"{where} must be a path, got {value!r}.")
    return base / Path(value).expanduser()


def _paths(value: object, where: str, base: Path) -> tuple[Path, ...]:
    parts = value.split(os.pathsep) if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        raise ConfigError(f"{where} must be a list of folders, got {value!r}.")
    return tuple(_path(part, where, base) for part in cast("list[object]", parts))


def _maps(value: object, where: str, base: Path) -> tuple[str, ...]:
    """A bare word is the name of a map that ships, or a file in the working folder."""
    return tuple(
        word if "/" not in word and not word.endswith(".toml") else str(base / Path(word).expanduser())
        for word in _words(value, where, base)
    )


def _url(value: object, where: str, base: Path) -> str:
    from .analyzers.remote.jaeger import JaegerError, base_url

    try:
        return base_url(str(value))
    except JaegerError as error:
        raise ConfigError(f"{where}: {error}") from error


def _words(value: object, where: str, base: Path) -> tuple[str, ...]:
    parts = [value] if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in cast("list[object]", parts)):
        raise ConfigError(f"{where} must be a list of texts, got {value!r}.")
    return tuple(word.strip() for part in cast("list[str]", parts) for word in part.split(",") if word.strip())


def _closed(choices: tuple[str, ...], word: str, where: str) -> str:
    if word not in choices:
        raise ConfigError(f"{where} must be {' or '.join(choices)}, got {word!r}.")
    return word


def _severity(value: object, where: str, base: Path) -> str:
    return _closed(SEVERITIES, str(value), where)


def _allowances(value: object, where: str, base: Path) -> tuple[str, ...]:
    return tuple(_closed(ALLOWANCES, word, where) for word in _words(value, where, base))


def _flag(value: object, where: str, base: Path) -> bool:
    if isinstance(value, bool):
        return value
    word = _closed(("1", "0", "true", "false"), str(value).lower(), where)
    return word in {"1", "true"}


def _suppress(value: object, where: str, base: Path) -> tuple[Suppression, ...]:
    from .analyzers.suppressions import SuppressionError, parse

    if isinstance(value, str):
        raise ConfigError(f"{where} can only be set in pyproject.toml: each suppression is a table with a reason, got {value!r}.")
    try:
        return parse(value, where)
    except SuppressionError as error:
        raise ConfigError(str(error)) from error


def _params(value: object, where: str, base: Path) -> Params:
    if isinstance(value, str):
        return parse_params([part for part in value.split(",") if part.strip()], where)
    if isinstance(value, list | tuple):
        return parse_params(cast("list[str]", value), where)
    if not isinstance(value, dict):
        raise ConfigError(f'{where} must be a table such as {{ "D01.tolerance_ms" = 50 }}, got {value!r}.')
    return dict(_flattened(cast("dict[str, object]", value), where))


def _flattened(table: dict[str, object], where: str) -> list[tuple[str, int | float]]:
    """TOML reads `D01.tolerance_ms = 50` as a table in a table, and `"D01.tolerance_ms" = 50` as one key: both are meant alike."""
    pairs: list[tuple[str, int | float]] = []
    for key, value in table.items():
        if isinstance(value, dict):
            pairs += [(f"{key}.{name}", number) for name, number in _flattened(cast("dict[str, object]", value), f"{where}.{key}")]
        elif isinstance(value, bool) or not isinstance(value, int | float):
            raise ConfigError(f"{where}.{key} must be a number, got {value!r}. `spanproof criteria` lists the parameters.")
        else:
            pairs.append((key, value))
    return pairs


_READERS: Final[dict[str, _Reader]] = {
    "traces": _path,
    "source_root": _path,
    "select": _words,
    "ignore": _words,
    "criteria": _paths,
    "map": _maps,
    "params": _params,
    "fail_on": _severity,
    "allow": _allowances,
    "strict": _flag,
    "suppress": _suppress,
    "baseline": _path,
    "jaeger_url": _url,
}


# --- Layers ----------------------------------------------------------------------------------------------------------------


def _from_file(file: Path) -> dict[str, object]:
    try:
        document: dict[str, object] = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file}: not readable as TOML ({error}). Correct the file, or start elsewhere.") from error
    tool = document.get("tool")
    table: object = cast("dict[str, object]", tool).get("spanproof", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise ConfigError(f"{file}: tool.spanproof must be a table, got {table!r}.")
    values: dict[str, object] = {}
    for key, value in cast("dict[str, object]", table).items():
        name = key.replace("-", "_")
        where = f"{file}: [tool.spanproof] {key}"
        if name not in _READERS:
            names = sorted(known.replace("_", "-") for known in _READERS)
            raise ConfigError(f"{where} is not a setting.{_closest(key, names)} Settings: {', '.join(names)}.")
        values[name] = _READERS[name](value, where, file.parent)
    return values


def _from_environment(environ: Mapping[str, str]) -> dict[str, object]:
    known = {f"SPANPROOF_{name.upper()}": name for name in _READERS}
    values: dict[str, object] = {}
    for variable, text in environ.items():
        if not variable.startswith("SPANPROOF_") or variable in OTHER_VARIABLES:
            continue
        if variable not in known:
            names = sorted([*known, *OTHER_VARIABLES])
            raise ConfigError(f"{variable}={text} is not a setting.{_closest(variable, names)} Variables: {', '.join(names)}.")
        if text:
            values[known[variable]] = _READERS[known[variable]](text, variable, Path())
    return values


_OPTIONS: Final = {"params": "--param", "traces": "--out"}
"""Options that are called differently from their settings."""


def _from_command_line(given: Mapping[str, object]) -> dict[str, object]:
    values: dict[str, object] = {}
    for name, value in given.items():
        if value is None or value is False or value in ((), [], ""):
            continue
        values[name] = _READERS[name](value, _OPTIONS.get(name, f"--{name.replace('_', '-')}"), Path())
    return values


def _closest(word: str, choices: Mapping[str, object] | list[str]) -> str:
    matches = difflib.get_close_matches(word, list(choices), n=1)
    return f" Did you mean {matches[0]}?" if matches else ""
