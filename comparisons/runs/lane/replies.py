"""A lane's replies to its visitor: one question at a time, each on a fork of the stream that is dropped afterwards.

Any thread may `ask`; the lane's own thread does the rest. What comes of a question stands in the lane's frames: the
reply as it grows, or why there is none.
"""

from __future__ import annotations

from collections.abc import Callable

from comparisons.runs.frames import Said, Unanswered
from comparisons.runs.lane.answers import Answer
from comparisons.runs.lane.journal import Journal
from comparisons.runs.lane.questions import Inbox, Question

__all__ = ["Replies"]


class Replies:
    """Of one lane."""

    def __init__(self, journal: Journal) -> None:
        """Nobody has asked yet.

        Args:
            journal: what is said goes there.
        """
        self._journal = journal
        self._inbox = Inbox()
        self._reply: _Reply | None = None

    @property
    def wanted(self) -> bool:
        """Whether a visitor waits for an answer, or for the rest of one."""
        return self._inbox.full or self._reply is not None

    def ask(self, question: Question) -> None:
        """Put a visitor's question, from any thread; an earlier one that is not answered to its end makes way."""
        if not self._inbox.put(question):
            self._refuse(question)

    def step(self, begin: Callable[[Question], Answer | None], most: int) -> None:
        """Take a new question up, or go on with the reply: read up to `most` tokens, or say the next.

        Args:
            begin: the answer to a question, on a fork; None where there is no memory for one.
            most: tokens of the question to read.
        """
        question = self._inbox.take()
        if question is not None:
            self._drop()
            self._reply = _Reply(question, self._journal.tokens)
            self._reply.begin(begin(question))
        elif self._reply is not None:
            self._reply.step(most)
        self._tell()

    def decline(self, message: str) -> None:
        """Give the visitor's question up, in words."""
        if self._reply is not None:
            self._reply.end("error", message)
        self._tell()

    def close(self) -> None:
        """Reply no more: a visitor who waits is told."""
        if self._reply is not None:
            self._reply.end(self._unanswered())
        self._tell()
        late = self._inbox.close()
        if late is not None:
            self._refuse(late)

    def _tell(self) -> None:
        if self._reply is not None:
            self._journal.tell_visitor(self._reply.said)
            if self._reply.said["done"]:
                self._drop()

    def _drop(self) -> None:
        if self._reply is not None:
            self._reply.close()
            self._reply = None

    def _refuse(self, question: Question) -> None:
        reply = _Reply(question, self._journal.tokens)
        reply.end(self._unanswered())
        self._journal.tell_visitor(reply.said)

    def _unanswered(self) -> Unanswered:
        return "kv-budget" if self._journal.reason == "kv-budget" else "ended"


class _Reply:
    """One reply, and the record that tells of it.

    Attributes:
        said: the record as it is now.
    """

    def __init__(self, question: Question, at: int) -> None:
        """Nothing is said yet.

        Args:
            question: the visitor's.
            at: tokens that the lane has read.
        """
        self.said: Said = {
            "id": question.id,
            "at": at,
            "question": question.text,
            "answer": "",
            "done": False,
            "reason": None,
            "message": "",
        }
        self._answer: Answer | None = None

    def begin(self, answer: Answer | None) -> None:
        """Say this, step by step; without an answer there is no memory for one."""
        self._answer = answer
        if answer is None:
            self.end("kv-budget")

    def step(self, most: int) -> None:
        """One step of the answer; see `Answer.step`."""
        if self._answer is not None:
            done = self._answer.step(most)
            self.said = {**self.said, "answer": self._answer.text, "done": done}

    def end(self, reason: Unanswered, message: str = "") -> None:
        """No more will be said, and why."""
        self.said = {**self.said, "done": True, "reason": reason, "message": message}

    def close(self) -> None:
        """Drop the fork, if there is one."""
        if self._answer is not None:
            self._answer.close()
