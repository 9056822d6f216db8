"""Lifts what other programs say of their spans into our vocabulary, by a map: a file with rules that the user gives or that ships.

`rule.py` reads a map, `condition.py` and `value.py` are the parts of a rule, `apply.py` runs it over loaded spans.
"""

from .apply import apply
from .checked import MapError
from .rule import Map, find_map, shipped

__all__ = ["Map", "MapError", "apply", "find_map", "shipped"]
