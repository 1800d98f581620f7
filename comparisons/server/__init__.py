"""Many visitors: who may run, who waits, which requests pass, how the server is.

Who: imported by page; imports runs, text and `streaming`.
Begin with: `sessions.py` (the life of a visitor's run), then `queue.py` and `guard.py`.
"""
