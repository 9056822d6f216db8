"""Findings that many scenarios have in common, because the library does so everywhere."""

from __future__ import annotations

from .scenario import Expected


def results_lost(pipeline: str) -> Expected:
    """The caller of a run that failed gets the error of one stage, and none of what other stages had done by then."""
    return Expected("R03", f"pipeline {pipeline}", "the error that stageflow raises for a failed run carries no results")
