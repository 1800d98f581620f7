"""How the bundled models are made.

Who: imported by nobody; imports text and `streaming`.
Begin with: `pretrain.py` (the loop), then `recipes.py` (its settings).
"""
