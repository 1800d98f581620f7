"""The paper's experiments and the project's own, on any model, without a page.

Who: imported by reports, commands; imports recordings, runs, text and `streaming`.
Begin with: `catalogue.py` (what there is), then `subjects.py` (how it is measured).
"""
