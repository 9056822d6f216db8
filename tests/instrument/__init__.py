"""Tests of the recorder: each plants what it looks for."""
