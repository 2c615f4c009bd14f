"""Drives Kustomer's erasures against the sandbox in memory, where waiting only moves the clock."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
from kustomer_talk import KustomerTalk, batch_of, converse

from bulk.conversation import Name, Reply, Request, Response, Verdict
from bulk.destinations.kustomer import KUSTOMER
from bulk.destinations.kustomer.children import KINDS
from bulk.destinations.kustomer.settings import EraseOptions, KustomerSettings
from bulk.destinations.operation import Erasing, Sighting, Terms
from bulk.sandbox.exchange import Asked
from bulk.sandbox.kustomer import Kustomer
from bulk.sandbox.kustomer_behaviour import KustomerBehaviour

ERASE = KUSTOMER.operations["erase_person"]
FILE = "5f{:022x}"
"""Ids of attachments."""


def erasing() -> Erasing:
    assert ERASE.erasing is not None
    return ERASE.erasing


def terms(settings: KustomerSettings | None = None, **options: Any) -> Terms:
    return Terms(settings or KustomerSettings(), EraseOptions(**options), "seed")


class World:
    """One organisation; a request to an address that nobody serves is a mistake of ours."""

    def __init__(self, **behaviour: Any) -> None:
        self.now = 1_700_000_000.0
        self.system = Kustomer(KustomerBehaviour(**behaviour), "token")
        self.watch: Any = lambda _request: None
        """Answers a request before the account sees it, if it likes."""

    def __call__(self, request: Request) -> Reply:
        before: Reply | None = self.watch(request)
        return before if before is not None else self.send(request)

    def send(self, request: Request) -> Response:
        url = urlsplit(request.path)
        route = self.system.routes.find(request.method, url.path)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        told = (route.parameter, route.parameters) if route else ("", {})
        headers = {"Authorization": "Bearer token"}
        asked = Asked(request.method, url.path, query, headers, request.body or b"", self.now, *told)
        answer = self.system.answer(asked, route)
        assert answer.content_type != "text/html", f"nobody serves {request.method} {request.path}"
        return Response(answer.status, {}, answer.body)

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def create(self, path: str, body: Mapping[str, Any]) -> str:
        answer = self.send(Request("POST", path, orjson.dumps(body)))
        assert answer.status == 201, answer.body
        return str(answer.json["data"]["id"])

    def customer(self, name: str, children: int = 0, **more: Any) -> str:
        """Add a customer with an address, and so many of each kind of children."""
        body = {"name": name, "emails": [{"email": f"{name}@example.com"}], **more}
        number = self.create("/customers", body)
        for at in range(children):
            talk = self.create(f"/customers/{number}/conversations", {"name": f"{name} {at}"})
            attached = [FILE.format(one) for one in range(at)]
            message = {"preview": f"{name} says {at}", "conversation": talk, "attachments": attached}
            self.create(f"/customers/{number}/messages", message)
            for kind in ("notes", "drafts"):
                self.create(f"/customers/{number}/{kind}", {"body": f"{kind} on {name}"})
        return number

    def erase(
        self,
        record: Mapping[str, Any],
        told: Terms | None = None,
        *,
        leave_alone: frozenset[int] = frozenset(),
        **more: Any,
    ) -> KustomerTalk:
        conversation = ERASE.converse(batch_of(record, **more), told or terms())
        return converse(conversation, self, wait=self.wait, leave_alone=leave_alone)

    def read_back(
        self, *records: Mapping[str, Any], found: Mapping[int, Sequence[Name]] | None = None
    ) -> list[Verdict]:
        verify = erasing().verify
        assert verify is not None
        talk = converse(verify(batch_of(*records, found=found or {}), terms()), self, wait=self.wait)
        assert {request.method for request in talk.requests} <= {"GET"}
        assert set(talk.times.values()) <= {1}
        return [talk.verdicts[position] for position in range(len(records))]

    def look(self, *records: Mapping[str, Any], told: Terms | None = None) -> tuple[list[Sighting], int]:
        """Return what is seen of each record, and how many requests that takes."""
        looking = erasing().look(batch_of(*records), told or terms())
        seen: list[Sighting] = []
        asked = 0
        reply: Reply | None = None
        while True:
            try:
                act = looking.send(reply)
            except StopIteration:
                return seen, asked
            reply = None
            if isinstance(act, Sighting):
                seen.append(act)
            else:
                assert isinstance(act, Request)
                assert act.method == "GET"
                asked += 1
                reply = self(act)

    def contents(self, kind: str) -> list[dict[str, Any]]:
        found = self.system.contents(kind)
        assert found is not None
        return list(found)

    @property
    def names(self) -> list[str]:
        """Who is there."""
        return [one["name"] for one in self.contents("customers")]

    @property
    def said(self) -> list[str]:
        """What messages say."""
        return [one["preview"] for one in self.contents("messages")]

    def children_of(self, customer: str) -> dict[str, int]:
        """How much a customer has, of which kinds."""
        counts = {kind: sum(one["customer"] == customer for one in self.contents(kind)) for kind in KINDS}
        return {kind: count for kind, count in counts.items() if count}


def removals(talk: KustomerTalk) -> list[str]:
    """The requests that can never be undone."""
    return [f"{request.method} {request.path}" for request in talk.requests if request.irreversible]
