"""The commands of `python -m comparisons`, a file each.

Who: imported by `comparisons/__main__.py`; imports every other room.
Begin with: `run.py`.
"""
