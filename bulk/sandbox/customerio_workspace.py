"""A Customer.io workspace: what was accepted, and what of it can be seen by now."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from bulk.sandbox.customerio_behaviour import CustomerioBehaviour
from bulk.sandbox.customerio_state import Item, State


class Workspace:
    """Takes writes in at once and shows them later: a second state follows behind the first."""

    def __init__(self, behaviour: CustomerioBehaviour) -> None:
        self.behaviour = behaviour
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.live = State(self.behaviour)
        self._seen = State(self.behaviour) if self.behaviour.lag > 0 else self.live
        self._queue: deque[tuple[float, Item]] = deque()
        self._marks: set[int] = set()
        self._counts: Counter[str] = Counter(items_accepted=0, items_refused=0, items_repeated=0)

    def accept(self, item: Item, now: float) -> None:
        """Take an item that no check refused."""
        mark = hash(orjson.dumps(item, option=orjson.OPT_SORT_KEYS))
        self._counts["items_repeated"] += mark in self._marks
        self._marks.add(mark)
        self._counts["items_accepted"] += 1
        self.live.perform(item, now)
        if self._seen is not self.live:
            self._queue.append((now, item))
            self._catch_up(now)

    def refuse(self, count: int) -> None:
        """Count items that a check refused."""
        self._counts["items_refused"] += count

    def shown(self, now: float) -> State:
        """Return what can be seen by now."""
        self._catch_up(now)
        return self._seen

    def _catch_up(self, now: float) -> None:
        queue = self._queue
        while queue and queue[0][0] + self.behaviour.lag <= now:
            self._seen.perform(queue[0][1], queue[0][0])
            queue.popleft()

    def contents(self, kind: str) -> Iterable[Any] | None:
        """Return ``people``, ``events``, ``segments`` or ``suppressed``, also what cannot be seen yet."""
        match kind:
            case "people":
                return (person.shown() for person in self.live.people)
            case "events":
                return self.live.all_events()
            case "segments":
                return self._segments()
            case "suppressed":
                return ({"type": name, "value": value} for name, value in self.live.suppressed)
        return None

    def _segments(self) -> Iterator[dict[str, Any]]:
        for person in self.live.people:
            for segment in sorted(person.segments):
                names = {name: person.names.get(name) for name in ("id", "email")}
                yield {"segment_id": segment, "cio_id": person.cio_id, **names}

    def counts(self) -> Mapping[str, int]:
        """Return what was done so far, in numbers."""
        live = self.live
        return {
            "people": len(live.people),
            "events": sum(map(len, live.events.values())),
            "suppressed": len(live.suppressed),
            **self._counts,
            **live.counts,
        }
