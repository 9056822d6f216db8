"""Cleanup: what is given back when a stage is cut (research summary 6.3)."""
