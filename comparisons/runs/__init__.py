"""One run: several lanes in parallel on one text, told as frames.

Who: imported by recordings, experiments, server, page, commands; imports text and `streaming`.
Begin with: `runner.py` (the run), then `lanes.py` (one model under one policy) and `frames.py` (what is told).
"""
