"""What is read: the endless prompt stream, texts of one's own, and how both become token ids.

Who: imported by every other room; imports `streaming`.
Begin with: `prompts.py` (the stream), then `feeds.py` (token ids, piece by piece).
"""
