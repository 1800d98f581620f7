"""What stands in the form: what suits the model, what a link or a preset asks for, and what is to be expected of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from comparisons.page.chat_form import settings_of
from comparisons.page.expectations import expectation, instead, unread
from comparisons.page.forms import Form, presets
from comparisons.page.gradio_internals import gr, sent
from comparisons.page.words import Words
from comparisons.runs.dialogue.settings import DialogueSettings
from comparisons.runs.settings import RunSettings
from comparisons.server.fits import Suited
from comparisons.server.sessions import Sessions
from streaming.errors import SettingsError, StreamingError

__all__ = ["Inputs", "Values"]

Inputs = dict[str, Any]
"""The form: one of Gradio's components per field of `Form`, by its name, in the order of the fields."""

SUITED = ("sinks", "recent", "budget_mb", "pace")
"""Fields that follow from the model."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Values:
    """Of one language's page.

    Attributes:
        words: its language.
        sessions: the runs of its visitors.
        own: what the server's own model is called; a form that names no model means it.
        lacking: the model that was wanted instead and could not be had, or "".
        inputs: the form.
    """

    words: Words
    sessions: Sessions
    own: str
    lacking: str
    inputs: Inputs

    def form(self, values: Mapping[str, Any]) -> Form:
        """The form as a browser sends it.

        Raises:
            SettingsError: it makes no run.
        """
        return Form(**{**values, "model": self._named(values["model"])})

    def order(self, values: Mapping[str, Any], event: gr.EventData) -> dict[str, Any]:
        """The run that a form asks for, as `Sessions.frames` takes it.

        Args:
            values: the form's, as a browser sends them.
            event: what came along: "text", the visitor's own; "mode", which the page may know before the form does;
                "follows", where the settings are to follow from a model that nothing was known of.

        Raises:
            SettingsError: it makes no run.
        """
        form = self.form({**values, "mode": sent(event, "mode") or values["mode"]})
        suited = self.sessions.measured(form.model)
        follows = bool(sent(event, "follows")) and suited is None

        def suiting(suited: Suited) -> RunSettings | DialogueSettings:
            usual = Form.suiting(suited.fit).values()
            kept = {name: value for name, value in form.values().items() if name not in SUITED}
            return settings_of(Form(**{**usual, **kept}), suited.fit)

        return {
            "settings": settings_of(form, None if suited is None else suited.fit),
            "model": form.model,
            "reading": None if form.mode == "chat" else form.reading(sent(event, "text")),
            "suits": suiting if follows else None,
            "start_turn": form.start_turn,
        }

    def preset(self, given: Mapping[Any, Any], event: gr.EventData) -> dict[Any, Any]:
        """The values of the preset that the visitor chose; the model stays.

        Raises:
            SettingsError: there is none of that name.
        """
        suited = self._suited(self._named(given[self.inputs["model"]]))
        known = presets(_usual(suited), 0 if suited is None else suited.later)
        form = known.get(str(sent(event, "name")))
        if form is None:
            raise SettingsError(f"There is no such preset; there are {', '.join(known)}.")
        return {self.inputs[name]: value for name, value in form.values().items() if name != "model"}

    def restore(self, request: gr.Request) -> dict[Any, Any]:
        """The values of the link that the visitor came by, within what suits the model that it names."""
        form, suited = self._of_query(request.query_params)
        values = {self.inputs[name]: value for name, value in form.values().items()}
        return values | {self.inputs["model"]: form.model or self.own} | self._sliders(form, suited)

    def suit(self, given: Mapping[Any, Any]) -> dict[Any, Any]:
        """What suits the model that the visitor chose; nothing moves where nothing is known of it."""
        suited = self._suited(self._named(given[self.inputs["model"]]))
        if suited is None:
            return {self.inputs["sinks"]: gr.skip()}
        form = Form.suiting(suited.fit)
        return {self.inputs[name]: getattr(form, name) for name in SUITED} | self._sliders(form, suited)

    def expect(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What to say before Start, and whether settings are still to follow.

        Args:
            request: {"form": values by name}, or {"query": of the page's address} before there are any.

        Raises:
            SettingsError: the form makes no run.
        """
        given = request.get("form")
        if isinstance(given, dict):
            form = self.form({name: given.get(name, value) for name, value in Form().values().items()})
            suited = self._suited(form.model)
        else:
            query = request.get("query")
            form, suited = self._of_query(query if isinstance(query, dict) else {})
        if suited is None:
            return {"said": unread(self.words, form.model), "follows": True}
        said = expectation(self.words, suited, form)
        if self.lacking and not form.model:
            said = f"{instead(self.words, self.lacking, self.own)} {said}"
        return {"said": said, "follows": False}

    def _named(self, model: Any) -> Any:
        return "" if model == self.own else model

    def _suited(self, model: Any) -> Suited | None:
        """None for a model that is not here, and for what is none: Start refuses it in words."""
        try:
            return self.sessions.suited(model) if isinstance(model, str) else None
        except StreamingError:
            return None

    def _of_query(self, query: Mapping[str, Any]) -> tuple[Form, Suited | None]:
        asked = {str(name): str(text) for name, text in query.items()}
        model = self._named(Form.of_query(asked).model)
        form = Form.of_query({**asked, "model": model}, _usual(self._suited(model)))
        return form, self._suited(form.model)

    def _sliders(self, form: Form, suited: Suited | None) -> dict[Any, Any]:
        """Those that end where the server's memory does; a link may go further."""
        if suited is None:
            return {}
        most = {"recent": suited.fit.most_recent, "budget_mb": suited.fit.most_budget_mb}
        return {
            self.inputs[name]: gr.Slider(value=getattr(form, name), maximum=max(end, getattr(form, name)))
            for name, end in most.items()
        }


def _usual(suited: Suited | None) -> Form:
    return Form() if suited is None else Form.suiting(suited.fit)
