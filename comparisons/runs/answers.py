"""What a lane says: a greedy continuation of its stream, on a fork that is dropped afterwards."""

from __future__ import annotations

from collections.abc import Sequence

from comparisons.runs.frames import Said, Unanswered
from comparisons.runs.questions import Question
from comparisons.text.detokenise import Detokeniser
from streaming.generate import Sampling, decode
from streaming.models import LoadedModel
from streaming.stream import Stream

__all__ = ["Answer", "Reply"]


class Answer:
    """A continuation, one token at a time, to the end of the line."""

    def __init__(self, loaded: LoadedModel, stream: Stream, most: int, *, after: Sequence[int] = ()) -> None:
        """Fork the stream; nothing is read or said yet.

        Args:
            loaded: the stream's model.
            stream: stays as it is.
            most: tokens to say, at most.
            after: tokens for the fork to read first.
        """
        end = loaded.tokenizer.eos_token_id
        self._fork = stream.fork()
        self._unread = list(after)
        self._tokens = decode(self._fork, sampling=Sampling(), max_tokens=most, stop=() if end is None else (end,))
        self._detokeniser = Detokeniser(loaded.tokenizer)
        self._said = ""

    @property
    def text(self) -> str:
        """What was said, up to the end of its line."""
        return self._said.partition("\n")[0].strip()

    @property
    def allocated_nbytes(self) -> int:
        """Bytes of the fork's keys and values, spare room included."""
        return self._fork.allocated_nbytes

    def step(self, most: int = 1) -> bool:
        """Read up to `most` tokens of what comes first, then say one token at a time; True when it is complete."""
        if self._unread:
            self._fork.read(self._unread[:most])
            del self._unread[:most]
            return False
        token = next(self._tokens, None)
        if token is None:
            return True
        self._said += self._detokeniser.push(token)
        return "\n" in self._said

    def close(self) -> None:
        """Drop the fork."""
        self._tokens.close()
        self._fork.close()


class Reply:
    """A lane's reply to a visitor, and the record that tells of it.

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

    @property
    def allocated_nbytes(self) -> int:
        """See `Answer.allocated_nbytes`; 0 where nothing was begun."""
        return 0 if self._answer is None else self._answer.allocated_nbytes

    def begin(self, answer: Answer) -> None:
        """Say this, step by step."""
        self._answer = answer

    def step(self, most: int) -> None:
        """One step of the answer; see `Answer.step`."""
        done = self._answer.step(most)
        self.said = {**self.said, "answer": self._answer.text, "done": done}

    def end(self, reason: Unanswered, message: str = "") -> None:
        """No more will be said, and why."""
        self.said = {**self.said, "done": True, "reason": reason, "message": message}

    def close(self) -> None:
        """Drop the fork, if there is one."""
        if self._answer is not None:
            self._answer.close()
