"""One page: its form, its words, its live panel, and the files that it fetches; Gradio is imported only here.

Who: imported by `app.py` and commands; imports server, recordings, runs, text.
Begin with: `panels.py` (from frames to what a browser draws), then `forms.py` (what a visitor may set).
"""
