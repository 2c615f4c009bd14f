"""Drives Kustomer's conversations against an account in memory that is as strict as its documentation."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import orjson
import polars as pl
from conversing import Talk, answer

from bulk.conversation import (
    KEY,
    RECORD,
    ROW,
    Batch,
    Conversation,
    Found,
    Name,
    Records,
    Remember,
    Reply,
    Request,
    Settle,
    Split,
    Wait,
)
from bulk.destinations.kustomer import KUSTOMER
from bulk.destinations.kustomer.settings import KustomerSettings
from bulk.destinations.operation import Terms

Server = Callable[[Request], Reply]
NO_SUCH = answer({"errors": [{"code": "not_found", "message": "no such customer"}]}, 404)
KEPT = ("source", "target", "id", "externalId", "email", "phone")
"""Fields that some operation reads one by one."""
ITEM_MEMBERS = {"email", "phone", "type", "verified", "externalId", "username", "url"}


def refusal(message: str, status: int = 400, code: str = "bad_request") -> Reply:
    return answer({"errors": [{"code": code, "message": message}]}, status)


def batch_of(*records: Mapping[str, Any], first_row: int = 1, **more: Any) -> Batch:
    rows = list(range(first_row, first_row + len(records)))
    texts: dict[str, list[Any]] = {
        KEY: [record.get("email") for record in records],
        RECORD: [orjson.dumps(record).decode() for record in records],
        **{name: [record.get(name) for record in records] for name in KEPT},
    }
    columns = {name: pl.Series(values, dtype=pl.String) for name, values in texts.items()}
    frame = pl.DataFrame({ROW: pl.Series(rows, dtype=pl.UInt32), **columns})
    return Batch(Records(frame), 0, len(records), **more)


@dataclass
class KustomerTalk(Talk):
    """What a conversation also waited for and asked to remember."""

    waits: list[float] = field(default_factory=list)
    memories: list[Mapping[str, Any]] = field(default_factory=list)
    found: list[Mapping[int, Sequence[Name]]] = field(default_factory=list)

    def bodies(self, method: str, path: str) -> list[Any]:
        return [
            orjson.loads(request.body or b"null")
            for request in self.requests
            if (request.method, request.path) == (method, path)
        ]

    @property
    def written(self) -> list[str]:
        """The requests that change something."""
        return [path for path in self.paths if not path.startswith("GET")]


def ignore(_seconds: float) -> None:
    """Wait without a clock."""


class Crashed(Exception):  # noqa: N818 - what happens to the run, not an error of ours
    """The run ends here."""


def converse(
    conversation: Conversation,
    server: Server,
    *,
    wait: Callable[[float], None] = ignore,
    leave_alone: frozenset[int] = frozenset(),
) -> KustomerTalk:
    """Let a conversation run to its end, or to the crash of the run."""
    talk = KustomerTalk()
    reply: Reply | frozenset[int] | None = None
    while True:
        try:
            act = conversation.send(reply)
        except StopIteration:
            return talk
        reply = None
        if isinstance(act, Split):
            talk.split = act
            conversation.close()
            return talk
        if isinstance(act, Request):
            talk.requests.append(act)
            try:
                reply = server(act)
            except Crashed:
                return talk
        else:
            _note(talk, act)
            if isinstance(act, Found):
                reply = leave_alone
            elif isinstance(act, Wait):
                wait(act.seconds)


def _note(talk: KustomerTalk, act: Wait | Remember | Found | Settle) -> None:
    if isinstance(act, Wait):
        talk.waits.append(act.seconds)
    elif isinstance(act, Found):
        talk.found.append(act.names)
    elif isinstance(act, Remember):
        talk.memories.append(orjson.loads(orjson.dumps(act.data)))
    else:
        _note_verdicts(talk, act)


def _note_verdicts(talk: KustomerTalk, act: Settle) -> None:
    for run in act.verdicts:
        for position in range(run.start, run.stop):
            talk.verdicts[position] = run.verdict
            talk.times[position] = talk.times.get(position, 0) + 1


def carry_out(
    operation: str,
    batch: Batch,
    server: Server,
    *,
    settings: KustomerSettings | None = None,
    options: Any = None,
) -> KustomerTalk:
    terms = Terms(settings or KustomerSettings(), options)
    return converse(KUSTOMER.operations[operation].converse(batch, terms), server)


@dataclass
class Account:
    """A Kustomer account: strict about what its schema forbids, and slow to work off its jobs."""

    customers: dict[str, dict[str, Any]] = field(default_factory=dict)
    companies: dict[str, str] = field(default_factory=dict)
    polls_to_end: int = 1
    jobs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    waiting: dict[str, tuple[str, list[Any], int]] = field(default_factory=dict)
    mend: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] = lambda results: results
    watch: Callable[[Request], Reply | None] = lambda _request: None
    """Answers a request before the account sees it, if it likes."""

    def add(self, **attributes: Any) -> str:
        number = f"{len(self.customers) + 1:024x}"
        company = attributes.pop("company", None)
        if company:
            self.companies[number] = company
        self.customers[number] = {"rev": 1, **attributes}
        return number

    def __call__(self, request: Request) -> Reply:
        before = self.watch(request)
        if before is not None:
            return before
        method, path = request.method, request.path.partition("?")[0]
        body: Any = orjson.loads(request.body) if request.body else None
        if path == "/customers/bulk":
            return self._submit(method, body)
        if path.startswith("/bulk/"):
            return self._job(path.split("/")[2], results=path.endswith("/batches"))
        return self._single(method, path.removeprefix("/customers").removeprefix("/"), body)

    def _single(self, method: str, name: str, body: Any) -> Reply:
        if method == "POST":
            return self._created(body)
        number = self._find(name)
        if number is None:
            return NO_SUCH
        if method == "PATCH":
            fault = self._patch(number, body)
            return fault or self._show(number)
        if method == "DELETE":
            del self.customers[number]
            return answer(None, 204)
        return self._show(number)

    def _find(self, name: str) -> str | None:
        kind, equals, value = name.partition("=")
        value = unquote(value)
        if not equals:
            return kind if kind in self.customers else None
        for number, shown in self.customers.items():
            if value in {found for at, found in _identifiers(shown, shared=True) if at == kind}:
                return number
        return None

    def _show(self, number: str, status: int = 200) -> Reply:
        company = self.companies.get(number)
        links = {"company": {"data": {"type": "company", "id": company}}} if company else {}
        shown = dict(self.customers[number])
        for name in ("emails", "phones"):
            if name in shown:
                shown[name] = [{"id": None, **item} for item in shown[name]]
        data = {"type": "customer", "id": number, "attributes": shown, "relationships": links}
        return answer({"data": data}, status)

    def _created(self, body: dict[str, Any]) -> Reply:
        fault = self._fault(body, None)
        return fault or self._show(self.add(**body), 201)

    def _patch(self, number: str, body: dict[str, Any]) -> Reply | None:
        shown = self.customers[number]
        body = dict(body)
        if "rev" in body and body.pop("rev") != shown["rev"]:
            return refusal("optimistic locking: the rev does not match", 409, "conflict")
        fault = self._fault(body, number)
        if fault is not None:
            return fault
        company = body.pop("company", None)
        if company:
            self.companies[number] = company
        else:
            self.companies.pop(number, None)
        custom = {**shown.get("custom", {}), **body.pop("custom", {})}
        shown.update(body, rev=shown["rev"] + 1)
        if custom:
            shown["custom"] = custom
        return None

    def _fault(self, body: dict[str, Any], number: str | None) -> Reply | None:
        if {"_clientRef", "id", "email", "phone"} & body.keys():
            return refusal("unknown top-level key")
        for name, value in body.items():
            for item in value if isinstance(value, list) else ():
                if isinstance(item, dict) and not item.keys() <= ITEM_MEMBERS:
                    return refusal(f"additional property in {name}")
        if any("?" in str(name) for name in body.get("custom", {})):
            return refusal("bad custom suffix")
        mine = set(_identifiers(body))
        taken = {
            one for other, shown in self.customers.items() if other != number for one in _identifiers(shown)
        }
        return refusal("duplicate value", 409, "conflict") if mine & taken else None

    def _submit(self, method: str, items: list[dict[str, Any]]) -> Reply:
        refs = [item["_clientRef"] for item in items]
        assert len(set(refs)) == len(refs) <= 100
        if any("?" in str(name) for item in items for name in item.get("custom", {})):
            return refusal("bad custom suffix")
        job = f"{len(self.waiting) + 1:024x}"
        self.waiting[job] = (method, items, self.polls_to_end)
        return answer({"data": {"type": "bulk", "id": job, "attributes": {"status": "complete"}}}, 201)

    def _job(self, job: str, *, results: bool) -> Reply:
        if job not in self.waiting:
            return NO_SUCH
        method, items, left = self.waiting[job]
        if results:
            batches = [{"type": "bulk_batch", "attributes": {"results": self.mend(self.jobs.get(job, []))}}]
            return answer({"data": batches})
        self.waiting[job] = (method, items, left - 1)
        if left > 1:
            return answer({"data": {"id": job, "attributes": {"status": "running"}}})
        if job not in self.jobs:
            self.jobs[job] = [self._work_off(method, dict(item)) for item in items]
        return answer({"data": {"id": job, "attributes": {"status": "complete"}}})

    def _work_off(self, method: str, item: dict[str, Any]) -> dict[str, Any]:
        ref = item.pop("_clientRef")
        number = item.pop("id", None)
        reply = self._created(item) if method == "POST" else self._patch(number, item) or self._show(number)
        body = reply.json  # type: ignore[union-attr]  # an account always answers
        if "errors" in body:
            text = body["errors"][0]["message"].replace("duplicate value", "duplicate detected")
            return {"_clientRef": ref, "status": "error", "error": text}
        status = "created" if method == "POST" else "updated"
        return {"_clientRef": ref, "status": status, "objectId": body["data"]["id"]}


def _identifiers(shown: Mapping[str, Any], *, shared: bool = False) -> Iterator[tuple[str, str]]:
    if shown.get("externalId"):
        yield "externalId", shown["externalId"]
    yield from (("externalId", item["externalId"]) for item in shown.get("externalIds", ()))
    for kind in ("email", "phone"):
        yield from ((kind, item[kind]) for item in shown.get(f"{kind}s", ()))
        if shared:
            yield from ((kind, item[kind]) for item in shown.get(f"shared{kind.capitalize()}s", ()))
