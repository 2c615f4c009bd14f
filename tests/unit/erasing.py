"""Carries erasures out as a run does: keeps who was found, crashes where it is told to, reads back."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bulk.conversation import Act, Batch, Found, Name, Reply, Request, Settle, Verdict, Wait
from bulk.destinations.operation import Operation, Sighting, Terms

Server = Callable[[Request], Reply]


@dataclass
class Erasing:
    """An erasing step, what its runs asked for, and what they left behind.

    Attributes:
        held: Rows whose people stand in a list of holds by what is found of them.
        sleep: Lets time pass at the server.
        found: By row, the identifiers that were found.
        verdicts: By row, what it was settled as last.
        attempted: Whether anything that cannot be undone may have been sent.
        acts: How many acts the last conversation took.
    """

    operation: Operation
    terms: Terms
    server: Server
    held: frozenset[int] = frozenset()
    sleep: Callable[[float], None] = lambda _seconds: None
    requests: list[Request] = field(default_factory=list)
    found: dict[int, tuple[Name, ...]] = field(default_factory=dict)
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    attempted: bool = False
    acts: int = 0

    def erase(self, batch: Batch, *, acts: int | None = None, lost: bool = False) -> bool:
        """Hold one conversation over a batch; tell whether it came to its end.

        Args:
            batch: The records.
            acts: After how many acts the run crashes.
            lost: Whether the act after those is carried out still, and nobody hears of it.
        """
        conversation = self.operation.converse(self._marked(batch), self.terms)
        reply: Any = None
        self.acts, told = 0, False
        while (act := _next(conversation, reply)) is not None:
            crashed = self.acts == acts
            told = told or isinstance(act, Found)
            assert told or not isinstance(act, Request) or not act.irreversible, "who was found is not kept"
            if not crashed or lost:
                reply = self._do(act, batch)
            if crashed:
                conversation.close()
                return False
            self.acts += 1
        settled = {*self.verdicts, *self.held}
        assert settled >= set(batch.rows.tolist()), "a conversation ended before it had settled every record"
        return True

    def resume(self, batch: Batch) -> None:
        """Hold conversations over the records that are not settled."""
        start = 0
        for stop in range(len(batch) + 1):
            if stop == len(batch) or int(batch.rows[stop]) in self.verdicts:
                if stop > start:
                    assert self.erase(batch.part(start, stop))
                start = stop + 1

    def read_back(self, batch: Batch) -> list[tuple[str, str, str]]:
        """Read everybody back who was accepted; return status, reason and verification of all."""
        verify = self.operation.erasing and self.operation.erasing.verify
        assert verify
        awaiting = {row for row, verdict in self.verdicts.items() if verdict.verification == "pending"}
        conversation = verify(self._marked(batch), self.terms)
        reply: Any = None
        while (act := _next(conversation, reply)) is not None:
            reply = self._ask(act) if isinstance(act, Request) else None
            if isinstance(act, Settle):
                self.verdicts |= {row: one for row, one in _settled(act, batch) if row in awaiting}
        return self.told

    def look(self, batch: Batch) -> list[Sighting]:
        """Tell whom it would find."""
        assert self.operation.erasing
        conversation = self.operation.erasing.look(self._marked(batch), self.terms)
        seen: list[Sighting] = []
        reply: Any = None
        while (act := _next(conversation, reply)) is not None:
            reply = self._ask(act) if isinstance(act, Request) else None
            seen += [act] if isinstance(act, Sighting) else []
        return seen

    def _marked(self, batch: Batch) -> Batch:
        return replace(batch, found=dict(self.found), attempted=self.attempted)

    def _ask(self, request: Request) -> Reply:
        assert not request.irreversible
        self.requests.append(request)
        return self.server(request)

    def _do(self, act: Act, batch: Batch) -> Any:
        if isinstance(act, Request):
            self.requests.append(act)
            self.attempted = self.attempted or act.irreversible
            return self.server(act)
        if isinstance(act, Found):
            return frozenset(at for at, names in act.names.items() if self._keep(int(batch.rows[at]), names))
        if isinstance(act, Wait):
            return self.sleep(act.seconds)
        assert isinstance(act, Settle)
        for row, verdict in _settled(act, batch):
            assert row not in self.verdicts
            assert row not in self.held
            self.verdicts[row] = verdict
        return None

    def _keep(self, row: int, names: Sequence[Name]) -> bool:
        """Keep what was found of a row's person; tell whether they are to be left alone."""
        assert all(kind and value for kind, value in names)
        if names and row not in self.held:
            self.found[row] = tuple(dict.fromkeys((*self.found.get(row, ()), *names)))
        return row in self.held

    @property
    def told(self) -> list[tuple[str, str, str]]:
        """Status, reason and verification by row."""
        return [
            (str(one.status), one.reason, str(one.verification)) for _, one in sorted(self.verdicts.items())
        ]

    @property
    def paths(self) -> list[str]:
        return [f"{request.method} {request.path}" for request in self.requests]

    @property
    def destroyed(self) -> list[str]:
        """The requests that cannot be undone."""
        return [f"{one.method} {one.path}" for one in self.requests if one.irreversible]


def _next(conversation: Any, reply: Any) -> Any:
    try:
        return conversation.send(reply)
    except StopIteration:
        return None


def _settled(act: Settle, batch: Batch) -> Iterator[tuple[int, Verdict]]:
    for run in act.verdicts:
        for at in range(run.start, run.stop):
            yield int(batch.rows[at]), run.verdict


def crash_points(acts: int) -> list[tuple[int, bool]]:
    """Return where a run over so many acts may crash: before each, and before anybody heard of it."""
    return [(number, lost) for number in range(acts) for lost in (False, True)]


PENDING = ("pending", "", "pending")
GONE = ("pending", "gone", "pending")
ABSENT = ("succeeded", "", "absent")
NOT_PRESENT = ("succeeded", "not_present", "absent")
STILL_PRESENT = ("failed", "still_present", "still_present")
CONFLICT = ("failed", "identity_conflict", "")
AMBIGUOUS = ("failed", "ambiguous", "")
NOT_VERIFIABLE = ("unknown", "not_verifiable", "not_verifiable")
