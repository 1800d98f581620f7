"""A run kept in a file: its format, its making, its replay, the comparison of two.

Who: imported by experiments, page, commands; imports runs.
Begin with: `format.py`, and docs/recording-format.md.
"""
