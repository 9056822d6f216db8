"""Whole programs, recorded and judged: correct ones that must stay silent, faulty ones with exactly what must be found."""
