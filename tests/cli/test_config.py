"""Command line before environment before file before default, and no unknown key anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spanproof.config import ConfigError, meanings, resolve

if TYPE_CHECKING:
    from tests.cli.conftest import Command


def project(folder: Path, table: str) -> Path:
    (folder / "pyproject.toml").write_text(table)
    return folder


def test_each_layer_goes_before_the_next(tmp_path: Path) -> None:
    folder = project(tmp_path, "[tool.spanproof]\ntraces = 'file'\nfail-on = 'info'\nselect = ['P']\n")
    environ = {"SPANPROOF_TRACES": "variable", "SPANPROOF_FAIL_ON": "error"}
    settings = resolve({"traces": Path("option")}, environ=environ, folder=folder)
    assert (settings.traces, settings.fail_on, settings.select, settings.ignore) == (Path("option"), "error", ("P",), ())
    origins = {name: settings.origins[name] for name in ("traces", "fail_on", "select", "ignore")}
    assert origins == {
        "traces": "command line",
        "fail_on": "environment",
        "select": str(folder / "pyproject.toml"),
        "ignore": "default",
    }


def test_what_was_not_given_changes_nothing(tmp_path: Path) -> None:
    folder = project(tmp_path, "[tool.spanproof]\nstrict = true\nselect = ['P']\n")
    settings = resolve({"strict": False, "select": None, "ignore": []}, environ={"SPANPROOF_SELECT": ""}, folder=folder)
    assert (settings.strict, settings.select) == (True, ("P",))


def test_paths_in_the_file_are_relative_to_it(tmp_path: Path) -> None:
    folder = project(tmp_path, "[tool.spanproof]\ntraces = 'out'\ncriteria = ['rules', '/elsewhere']\n")
    (folder / "deep" / "down").mkdir(parents=True)
    settings = resolve(environ={}, folder=folder / "deep" / "down")
    assert settings.traces == folder / "out"
    assert settings.criteria == (folder / "rules", Path("/elsewhere"))


def test_the_nearest_file_counts_even_without_a_table(tmp_path: Path) -> None:
    project(tmp_path, "[tool.spanproof]\ntraces = 'far'\n")
    (tmp_path / "near").mkdir()
    folder = project(tmp_path / "near", "[project]\nname = 'near'\n")
    assert resolve(environ={}, folder=folder).traces == Path("traces")


@pytest.mark.parametrize("table", ['"D01.tolerance_ms" = 50\nP04.hops = 2.5', "[tool.spanproof.params.D01]\ntolerance_ms = 50\n"])
def test_parameters_in_both_spellings_of_toml(tmp_path: Path, table: str) -> None:
    head = "" if table.startswith("[") else "[tool.spanproof.params]\n"
    assert resolve(environ={}, folder=project(tmp_path, head + table)).params["D01.tolerance_ms"] == 50


def test_lists_in_variables(tmp_path: Path) -> None:
    environ = {"SPANPROOF_SELECT": "P, D01", "SPANPROOF_ALLOW": "unknown,empty", "SPANPROOF_PARAMS": "D01.tolerance_ms=5,P09.x=0.5"}
    settings = resolve(environ=environ, folder=tmp_path)
    assert settings.select == ("P", "D01")
    assert settings.allow == ("unknown", "empty")
    assert settings.params == {"D01.tolerance_ms": "5", "P09.x": "0.5"}


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("ignroe = ['P04']", "ignroe is not a setting. Did you mean ignore?"),
        ("fail_onn = 'error'", "fail_onn is not a setting. Did you mean fail-on? Settings: allow, baseline, criteria, fail-on, "),
        ("traces = 3", "traces must be a path, got 3"),
        ("select = 3", "select must be a list of texts, got 3"),
        ("fail_on = 'fatal'", "fail_on must be error or warning or info, got 'fatal'"),
        ("allow = ['all']", "allow must be unknown or empty, got 'all'"),
        ("strict = 'perhaps'", "strict must be 1 or 0 or true or false, got 'perhaps'"),
        ("params = 3", "params must be a table"),
        ("params = { D01 = { tolerance_ms = 'x' } }", "params.D01.tolerance_ms must be a number, got 'x'"),
        ("criteria = [3]", "criteria must be a path, got 3"),
        ("traces = ", "not readable as TOML"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_with_its_place(tmp_path: Path, table: str, told: str) -> None:
    folder = project(tmp_path, f"[tool.spanproof]\n{table}\n")
    with pytest.raises(ConfigError) as caught:
        resolve(environ={}, folder=folder)
    assert told in str(caught.value)
    assert str(folder / "pyproject.toml") in str(caught.value)


def test_a_tool_table_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must be a table, got 3"):
        resolve(environ={}, folder=project(tmp_path, "[tool]\nspanproof = 3\n"))


def test_an_unknown_variable_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"SPANPROOF_TRACE=x is not a setting\. Did you mean SPANPROOF_TRACES\?"):
        resolve(environ={"SPANPROOF_TRACE": "x"}, folder=tmp_path)


def test_wrong_settings_stop_a_command_and_never_start_a_program(spanproof: Command, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("print('ran')\n")
    for arguments, code in ((["ls"], 2), (["trace", "app.py"], 125)):
        shown = spanproof(*arguments, env={"SPANPROOF_TRACE": "x"})
        assert (shown.returncode, shown.stdout) == (code, "")
        assert "Did you mean SPANPROOF_TRACES?" in shown.stderr


def test_every_setting_says_what_it_means() -> None:
    assert all(meanings().values())
