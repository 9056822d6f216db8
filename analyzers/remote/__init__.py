"""Traces that lie on a Jaeger server: its query API, and the addresses of its pages."""
