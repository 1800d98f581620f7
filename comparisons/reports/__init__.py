"""Results in print: Markdown, figures, model cards, the README.

Who: imported by commands; imports experiments.
Begin with: `readme.py`, then `markdown.py` and `figures.py`.
"""
