"""What a lane says: a greedy continuation of its stream, on a fork that is dropped afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from comparisons.runs.journal import Journal
from comparisons.runs.settings import LiveSettings
from comparisons.text.detokenise import Detokeniser
from comparisons.text.prompts import Turn
from streaming.generate import Sampling, decode
from streaming.models import LoadedModel
from streaming.stream import Stream

__all__ = ["Answer", "PromptAnswers"]

_ANSWERS_BEFORE_GAPS_GROW = 16


class Answer:
    """A continuation, one token at a time, to the end of the line."""

    def __init__(
        self,
        loaded: LoadedModel,
        stream: Stream,
        most: int,
        *,
        after: Sequence[int] = (),
        closed: Callable[[], None] = lambda: None,
    ) -> None:
        """Fork the stream; nothing is read or said yet.

        Args:
            loaded: the stream's model.
            stream: stays as it is.
            most: tokens to say, at most.
            after: tokens for the fork to read first.
            closed: called when the fork is dropped.
        """
        end = loaded.tokenizer.eos_token_id
        self._fork = stream.fork()
        self._unread = list(after)
        self._tokens = decode(self._fork, sampling=Sampling(), max_tokens=most, stop=() if end is None else (end,))
        self._detokeniser = Detokeniser(loaded.tokenizer)
        self._closed = closed
        self._said = ""

    @property
    def text(self) -> str:
        """What was said, up to the end of its line."""
        return self._said.partition("\n")[0].strip()

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
        self._fork.close()
        self._closed()


class PromptAnswers:
    """A lane's answers to prompts of the stream, one at a time."""

    def __init__(self, journal: Journal, live: LiveSettings, every: int) -> None:
        """None yet.

        Args:
            journal: what is said goes there.
            live: says whether prompts are answered at all.
            every: turns from one answered prompt to the next at first.
        """
        self._journal, self._live, self._every = journal, live, every
        self._answer: Answer | None = None

    @property
    def going(self) -> bool:
        """Whether there is more to say."""
        return self._answer is not None

    def chooses(self, turn: Turn) -> bool:
        """Whether this turn's prompt is to be answered."""
        return self._live.answers and _is_answered(turn.index, self._every)

    def begin(self, turn: Turn, answer: Answer) -> None:
        """Answer this turn's prompt, step by step."""
        self._answer = answer
        self._journal.begin_answer(turn)

    def step(self) -> None:
        """Say the next token."""
        if self._answer is None:
            return
        self._journal.set_status("answering")
        done = self._answer.step()
        self._journal.say(self._answer.text, done=done)
        if done:
            self.close()

    def close(self) -> None:
        """Say no more."""
        if self._answer is not None:
            self._answer.close()
            self._answer = None


def _is_answered(index: int, every: int) -> bool:
    """Every `every`-th turn at first; each time the stream has doubled, the gaps double.

    Saying a token takes as long as reading dozens. So a slow reader finds answers often, and a fast one, who comes
    far, spends little time on them; yet it depends on nothing but the turn.
    """
    gap = every
    while index >= _ANSWERS_BEFORE_GAPS_GROW * gap:
        gap *= 2
    return index % gap == 0
