"""The other kind of run: all lanes are asked the same, and each answers for itself, into its own cache.

Who: imported by recordings, server, page, commands; imports the rest of `comparisons.runs`, text and `streaming`.
Begin with: `run.py` (the dialogue), then `lane.py` (one model's side of it) and `frames.py` (what is told).
"""
