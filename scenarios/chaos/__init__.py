"""Chaos: what goes wrong at the worst moment, by seed (research summary 6.5)."""
