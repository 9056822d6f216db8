"""Propagation: whom a cancellation reaches (research summary 6.2)."""
