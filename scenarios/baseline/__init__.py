"""Baseline: one stage and its deadline (research summary 6.1)."""
