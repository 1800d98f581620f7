"""What Start will do and when, in a sentence of the visitor's language: said before it is pressed."""

from __future__ import annotations

from collections.abc import Sequence

from comparisons.page.chat_form import ANSWER_TOKENS
from comparisons.page.forms import Form
from comparisons.page.words import Words
from comparisons.runs.fit import Note
from comparisons.server.fits import Suited

__all__ = ["expectation", "instead", "unread"]

MINUTES_FROM, HOURS_FROM = 90, 5400
"""Seconds from which on a time is said in minutes, and in hours."""

REMEDIES = ("dense_stops", "dense_barely", "bounded_stops")
"""Notes that more memory would make untrue."""


def expectation(words: Words, suited: Suited, form: Form) -> str:
    """The sentences for a form as it stands.

    Args:
        words: of the visitor's language.
        suited: the model that the form names.
        form: the settings.
    """
    notes = suited.expect(form.settings(suited.fit), form.budget_mb)
    if form.mode == "chat":
        return _chat_expectation(words, suited, form, notes)
    told = [_sentence(words, suited.model, note) for note in notes]
    needed = [note.values["mb"] for note in notes if note.kind in REMEDIES]
    if needed:
        enough = max(needed) <= suited.fit.most_budget_mb
        told.append(words.group("expects")["raise" if enough else "no_more"].format(mb=words.count(max(needed))))
    if form.source != "prompts" and form.after == "stop":
        told.append(words.group("expects")["text_ends"])
    return " ".join(told)


def _chat_expectation(words: Words, suited: Suited, form: Form, notes: Sequence[Note]) -> str:
    """What is sure of a chat; how long its answers will be, nobody knows."""
    said = words.group("expects")
    numbers = {"context": words.count(suited.facts.context), "tokens": words.count(ANSWER_TOKENS)}
    told = [said["chat"].format(model=suited.model, **numbers)]
    told += [_sentence(words, suited.model, note) for note in notes if note.kind in ("dense_stops", "bounded_stops")]
    if form.start_turn:
        told.append(said["chat_reads"].format(turns=words.count(form.start_turn)))
    elif suited.later:
        told.append(said["chat_later"].format(turn=words.count(suited.later)))
    return " ".join(told)


def unread(words: Words, model: str) -> str:
    """The same for a model that is still to be fetched: nothing is known of it."""
    return words.group("expects")["unread"].format(model=model)


def instead(words: Words, lacking: str, model: str) -> str:
    """Why the server's own model is a tiny one."""
    return words.group("expects")["instead"].format(real=lacking, model=model)


def _sentence(words: Words, model: str, note: Note) -> str:
    numbers = {name: words.count(value) for name, value in note.values.items()}
    return words.group("expects")[note.kind].format(model=model, time=_time(words, note), **numbers)


def _time(words: Words, note: Note) -> str:
    """How long it takes, as people say it."""
    seconds = note.values.get("seconds", 0.0)
    if seconds < MINUTES_FROM:
        return words.counted("seconds", max(1, seconds))
    if seconds < HOURS_FROM:
        return words.counted("minutes", seconds / 60)
    return words.counted("hours", seconds / 3600)
