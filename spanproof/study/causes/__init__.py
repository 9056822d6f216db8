"""The statements of stageflow 1.2 that explain what the traces show, a module for each of its files.

Found by reading it, and checked against the traces.
"""
