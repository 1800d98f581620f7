"""What a lane says: a greedy continuation of its stream, on a fork that is dropped afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from comparisons.runs.lane.cursor import Asked
from comparisons.runs.lane.journal import Journal
from comparisons.runs.settings import LiveSettings
from comparisons.text.chat import ends_of
from comparisons.text.detokenise import Detokeniser
from comparisons.text.facts import says
from streaming.generate import Sampling, decode
from streaming.models import LoadedModel
from streaming.stream import Stream

__all__ = ["Answer", "PromptAnswers"]

_ANSWERS_BEFORE_GAPS_GROW = 32


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
        self._fork = stream.fork()
        self._unread = list(after)
        self._tokens = decode(self._fork, sampling=Sampling(), max_tokens=most, stop=ends_of(loaded))
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
    """A lane's answers to questions of the stream for what it told, one at a time; all lanes answer the same ones.

    Saying a token takes as long as reading dozens. So each time the stream has doubled, half as many are answered: a
    slow reader finds answers often, and a fast one, who comes far, spends little time on them; yet which ones depends
    on nothing but the text and the smallest cache of the run.
    """

    def __init__(self, journal: Journal, live: LiveSettings, every: int, reach: int | None) -> None:
        """None yet.

        Args:
            journal: what is said goes there.
            live: says whether prompts are answered at all.
            every: of the questions whose fact is still in every cache, one in so many is answered at first, and one in
                twice as many of the others.
            reach: tokens in the smallest cache of the run; None where there is no bound.
        """
        self._journal, self._live, self._every, self._reach = journal, live, every, reach
        self._asked = {True: 0, False: 0}
        self._answer: Answer | None = None
        self._expected = ""

    @property
    def going(self) -> bool:
        """Whether there is more to say."""
        return self._answer is not None

    def chooses(self, asked: Asked, at: int) -> bool:
        """Whether this question, which ends with token `at`, is to be answered."""
        near = self._reach is None or at - asked.told_at <= self._reach
        number, every = self._asked[near], self._every if near else 2 * self._every
        self._asked[near] += 1
        while number >= _ANSWERS_BEFORE_GAPS_GROW * every:
            every *= 2
        return self._live.answers and number % every == 0

    def begin(self, asked: Asked, answer: Answer) -> None:
        """Answer this question, step by step."""
        self._answer, self._expected = answer, asked.turn.answer or ""
        self._journal.begin_answer(asked.turn, asked.told_at)

    def step(self) -> None:
        """Say the next token; what is complete is judged."""
        if self._answer is None:
            return
        self._journal.set_status("answering")
        done = self._answer.step()
        said = self._answer.text
        self._journal.say(said, right=says(said, self._expected) if done else None)
        if done:
            self.close()

    def close(self) -> None:
        """Say no more."""
        if self._answer is not None:
            self._answer.close()
            self._answer = None
