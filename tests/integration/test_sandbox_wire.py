"""The sandbox over a real socket: limit, faults, control addresses, and what it keeps to itself."""

import asyncio
import time
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson
import pytest
from yarl import URL

from bulk.errors import UsageError
from bulk.sandbox.customerio_behaviour import CustomerioBehaviour
from bulk.sandbox.customerly_behaviour import CustomerlyBehaviour
from bulk.sandbox.exchange import Routes, not_found
from bulk.sandbox.faults import Fault, Faults
from bulk.sandbox.options import SandboxOptions
from bulk.sandbox.serve import serving

ONE = b'{"users":[{"email":"ann@example.com"}]}'


class Client:
    """A client that counts nothing and tries nothing again."""

    def __init__(self, session: aiohttp.ClientSession, urls: dict[str, str]) -> None:
        self.session = session
        self.urls = urls

    async def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, Any, Any]:
        async with self.session.request(method, self.urls["customerly"] + path, data=body) as answer:
            return answer.status, answer.headers, await answer.read()

    async def control(self, path: str, method: str = "GET") -> bytes:
        async with self.session.request(method, self.urls["control"] + path) as answer:
            assert answer.status == 200
            return await answer.read()

    async def stats(self) -> Any:
        return orjson.loads(await self.control("/stats"))["customerly"]


@asynccontextmanager
async def client(**options: Any) -> AsyncIterator[Client]:
    headers = {"Authorization": "Bearer sandbox-token"}
    # One connection per request: aiohttp silently repeats what it lost on a used connection.
    connector = aiohttp.TCPConnector(force_close=True)
    async with (
        serving(SandboxOptions(**options)) as urls,
        aiohttp.ClientSession(headers=headers, connector=connector) as session,
    ):
        yield Client(session, urls)


def first(seed: int, kind: Fault) -> int:
    """Return a seed whose first request is struck by a fault of this kind."""
    return next(other for other in range(seed, 10_000) if Faults(1.0, other).strike(1) is kind)


async def test_requests_beyond_the_limit_are_refused_until_the_window_has_passed() -> None:
    async with client(rate="3/h") as at:
        statuses = [(await at.ask("GET", "/tags"))[0] for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        status, headers, _ = await at.ask("GET", "/tags")
        assert (status, 3500 < int(headers["Retry-After"]) <= 3600) == (429, True)
        stats = await at.stats()
    assert (stats["accepted"], stats["refused"], stats["max_accepted_in_window"]) == (3, 3, 3)
    assert stats["max_arrived_in_window"] == 6


async def test_a_refusal_does_nothing() -> None:
    async with client(rate="1/h") as at:
        await at.ask("GET", "/tags")
        assert (await at.ask("POST", "/users", ONE))[0] == 429
        assert (await at.stats())["users"] == 0


async def test_a_refusal_can_keep_the_time_to_itself() -> None:
    async with client(rate="1/h", retry_after=False) as at:
        await at.ask("GET", "/tags")
        status, headers, _ = await at.ask("GET", "/tags")
    assert (status, "Retry-After" in headers) == (429, False)


@pytest.mark.parametrize(
    ("kind", "status"),
    [(Fault.TOO_MANY, 429), (Fault.UNAVAILABLE, 503), (Fault.SERVER_ERROR, 500), (Fault.BAD_GATEWAY, 502)],
)
async def test_a_fault_with_an_answer_has_its_status(kind: Fault, status: int) -> None:
    async with client(faults=1.0, seed=first(0, kind)) as at:
        assert (await at.ask("POST", "/users", ONE))[0] == status
        assert (await at.stats())["users"] == (0 if kind.before_work else 1)


@pytest.mark.parametrize(
    ("kind", "error", "users"),
    [
        (Fault.CLOSED_BEFORE, aiohttp.ServerDisconnectedError, 0),
        (Fault.CLOSED_AFTER, aiohttp.ServerDisconnectedError, 1),
        (Fault.TRUNCATED, aiohttp.ClientPayloadError, 1),
    ],
)
async def test_a_lost_answer_leaves_what_was_done(kind: Fault, error: type[Exception], users: int) -> None:
    async with client(faults=1.0, seed=first(0, kind)) as at:
        with pytest.raises((error, aiohttp.ClientOSError)):
            await at.ask("POST", "/users", ONE)
        stats = await at.stats()
    assert (stats["users"], stats["faults"]) == (users, {kind: 1})


async def test_a_delayed_answer_comes_in_the_end() -> None:
    async with client(faults=1.0, fault_delay=0.01, seed=first(0, Fault.DELAYED)) as at:
        assert (await at.ask("POST", "/users", ONE))[0] == 200


async def test_every_request_is_counted_while_faults_strike() -> None:
    async with client(faults=0.3, fault_delay=0.0, seed=5) as at:
        met: Counter[str] = Counter()
        for _ in range(60):
            try:
                met[str((await at.ask("POST", "/users", ONE))[0])] += 1
            except aiohttp.ClientError:
                met["lost"] += 1
        stats = await at.stats()
    expected = Counter(fault for number in range(1, 61) if (fault := Faults(0.3, 5).strike(number)))
    assert stats["faults"] == dict(expected)
    assert (stats["requests"], stats["routes"]) == (60, {"POST /users": 60})
    assert met["lost"] == sum(
        expected[kind] for kind in (Fault.CLOSED_BEFORE, Fault.CLOSED_AFTER, Fault.TRUNCATED)
    )


async def test_identical_records_that_arrive_again_are_counted() -> None:
    async with client() as at:
        await at.ask("POST", "/users", ONE)
        await at.ask("POST", "/users", b'{"users":[{"email":"ann@example.com"},{"email":"bob@example.com"}]}')
        stats = await at.stats()
    assert (stats["records_upserted"], stats["records_repeated"], stats["users"]) == (3, 1, 2)


async def test_contacts_can_be_read_as_they_were_received() -> None:
    async with client() as at:
        await at.ask("POST", "/users", b'{"users":[{"email":"ann@example.com","attributes":{"n":7}}]}')
        await at.ask("POST", "/leads", b'{"leads":[{"email":"leo@example.com"}]}')
        users, leads = [orjson.loads(await at.control(f"/customerly/{kind}")) for kind in ("users", "leads")]
    assert (users["attributes"], leads["email"], leads["is_user"]) == ({"n": 7}, "leo@example.com", 0)


async def test_the_request_log_names_nobody() -> None:
    async with client() as at:
        await at.ask("GET", "/users?email=ann%40example.com")
        await at.ask("POST", "/users/unsubscribe/ann%40example.com")
        await at.ask("GET", "/ann@example.com")
        log = await at.control("/requests")
    assert b"ann" not in log
    paths = [orjson.loads(line)["path"] for line in log.splitlines()]
    assert paths == ["/users", "/users/unsubscribe/{user_id}", "(unknown)"]


async def test_a_request_that_is_sent_again_has_the_same_digests() -> None:
    async with client() as at:
        for body in (ONE, ONE, ONE + b" "):
            await at.ask("POST", "/users", body)
        log = [orjson.loads(line) for line in (await at.control("/requests")).splitlines()]
    assert len({entry["target_sha256"] for entry in log}) == 1
    assert len({entry["body_sha256"] for entry in log}) == 2


async def test_a_reset_forgets_everything() -> None:
    async with client(rate="1/h") as at:
        await at.ask("POST", "/users", ONE)
        await at.control("/reset", "POST")
        assert ((await at.stats())["requests"], await at.control("/customerly/users")) == (0, b"")
        assert (await at.ask("POST", "/users", ONE))[0] == 200


async def test_a_body_that_is_too_large_is_a_413() -> None:
    async with client(customerly=CustomerlyBehaviour(max_body=1000)) as at:
        assert (await at.ask("POST", "/users", b" " * 1001))[0] == 413


async def test_unknown_addresses_outside_the_systems_are_not_found() -> None:
    async with client() as at:
        for path in ("/", "/sandbox", "/sandboxstats", "/sandbox/stats/x", "/sandbox/customerly/cats"):
            async with at.session.get(at.urls["control"].removesuffix("/sandbox") + path) as answer:
                assert answer.status == 404


async def test_many_connections_at_once_lose_nothing() -> None:
    async with client() as at:
        bodies = [b'{"users":[{"email":"u%d@example.com"}]}' % number for number in range(200)]
        answers = await asyncio.gather(*(at.ask("POST", "/users", body) for body in bodies))
        assert {status for status, _, _ in answers} == {200}
        assert (await at.stats())["users"] == 200


async def test_a_port_that_is_taken_is_told_in_a_sentence() -> None:
    async with client() as at:
        port = int(at.urls["customerly"].split(":")[2].split("/")[0])
        with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1:{port}"):
            async with serving(SandboxOptions(port=port)):
                pass


AUTH = {"Authorization": f"Basic {b64encode(b'site:sandbox-token').decode()}"}


async def statuses(at: Client, system: str, requests: int = 1) -> list[int]:
    """Return what becomes of requests to a system, one after the other."""
    found = []
    for _ in range(requests):
        async with at.session.get(at.urls[system] + PATHS[system]) as answer:
            found.append(answer.status)
    return found


PATHS = {
    "customerly": "/tags",
    "customerio": "/api/v1/accounts/region",
    "customerio_app": "/v1/segments",
    "kustomer": "/users/current",
    "http": "/anything/at%20all",
}
FINE = {"customerly": 200, "customerio": 401, "customerio_app": 200, "kustomer": 200, "http": 200}


async def test_every_system_stands_at_its_own_address() -> None:
    async with client() as at:
        assert set(at.urls) == {*PATHS, "control"}
        assert {system: await statuses(at, system) for system in PATHS} == {
            system: [status] for system, status in FINE.items()
        }
        stats = orjson.loads(await at.control("/stats"))
    assert {system: stats[system]["requests"] for system in stats} == dict.fromkeys(PATHS, 1)


async def test_a_limit_of_one_system_is_not_that_of_another() -> None:
    async with client(rate="2/h", rates={"http": "3/h", "customerio_app": "none"}) as at:
        assert await statuses(at, "customerly", 3) == [200, 200, 429]
        assert await statuses(at, "http", 4) == [200, 200, 200, 429]
        assert await statuses(at, "customerio_app", 4) == [200] * 4


@pytest.mark.parametrize("name", PATHS)
async def test_a_system_can_be_down_while_the_others_are_up(name: str) -> None:
    async with client(down=(name,)) as at:
        for system in PATHS:
            assert await statuses(at, system, 2) == [503 if system == name else FINE[system]] * 2


async def test_faults_of_one_system_are_not_those_of_another() -> None:
    seed = first(0, Fault.SERVER_ERROR)
    async with client(system_faults={"http": 1.0}, seed=seed) as at:
        assert (await statuses(at, "customerly"), await statuses(at, "http")) == ([200], [500])


async def test_both_apis_of_customerio_know_the_same_people() -> None:
    body = b'{"type":"person","action":"identify","identifiers":{"id":"a/b"}}'
    async with client(customerio=CustomerioBehaviour(lag=0.0)) as at:
        path = at.urls["customerio"] + "/api/v2/entity"
        async with at.session.post(path, data=body, headers=AUTH) as answer:
            assert answer.status == 200
        path = at.urls["customerio_app"] + "/v1/customers/a%2Fb/attributes"
        async with at.session.get(URL(path, encoded=True)) as answer:
            assert (await answer.json())["customer"]["id"] == "a/b"
        assert orjson.loads(await at.control("/customerio/people"))["id"] == "a/b"


async def test_the_log_names_nobody_whatever_the_path_at_the_system_that_takes_any() -> None:
    async with client() as at:
        async with at.session.put(at.urls["http"] + "/people/ann@example.com") as answer:
            assert answer.status == 200
        (entry,) = (await at.control("/requests")).splitlines()
    assert (b"ann" in entry, orjson.loads(entry)["path"]) == (False, "(any)")


def told(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items() if name.lower().startswith("x-ratelimit")}


async def test_answers_do_not_tell_what_is_left_unless_they_are_to() -> None:
    async with client(rate="2/h") as at:
        assert [told((await at.ask("GET", "/tags"))[1]) for _ in range(3)] == [{}] * 3


@pytest.mark.parametrize("limiter", ["sliding", "fixed", "bucket"])
async def test_answers_can_always_tell_what_is_left(limiter: str) -> None:
    async with client(rate="2/h", limiter=limiter, limit_headers="always") as at:
        answers = [await at.ask("GET", "/tags") for _ in range(3)]
        now = time.time()
    assert [status for status, _, _ in answers] == [200, 200, 429]
    heard = [told(headers) for _, headers, _ in answers]
    assert [(one["x-ratelimit-limit"], one["x-ratelimit-remaining"]) for one in heard] == [
        ("2", "1"),
        ("2", "0"),
        ("2", "0"),
    ]
    assert all(now < int(one["x-ratelimit-reset"]) <= now + 3602 for one in heard)


async def test_as_kustomer_does_answers_tell_of_the_reset_only_beyond_the_limit() -> None:
    async with client(rate="1/h", limiter="fixed", limit_headers="kustomer", retry_after=False) as at:
        heard = [told((await at.ask("GET", "/tags"))[1]) for _ in range(2)]
    assert ["x-ratelimit-reset" in one for one in heard] == [False, True]
    assert int(heard[1]["x-ratelimit-reset"]) > 1_000_000_000


async def test_faults_tell_what_is_left_too() -> None:
    async with client(rate="9/h", limit_headers="always", down=("customerly",)) as at:
        assert told((await at.ask("GET", "/tags"))[1])["x-ratelimit-remaining"] == "8"


async def test_another_client_uses_up_the_same_budget() -> None:
    async with client(rate="2/h") as at, aiohttp.ClientSession() as other:
        async with other.get(at.urls["customerly"] + "/tags") as answer:
            assert answer.status == 500  # who it is does not matter to the limit
        assert await statuses(at, "customerly", 2) == [200, 429]


ROUTES = Routes(
    {
        ("GET", "/people"): lambda _: not_found(),
        ("GET", "/people/{id}"): lambda _: not_found(),
        ("GET", "/people/email={address}"): lambda _: not_found(),
        ("GET", "/people/{id}/notes/{note}"): lambda _: not_found(),
        ("GET", "/people/{id}/notes/latest"): lambda _: not_found(),
        ("POST", "/lists/{list}/add"): lambda _: not_found(),
    }
)


@pytest.mark.parametrize(
    ("method", "path", "template", "parameters"),
    [
        ("GET", "/people", "/people", {}),
        ("GET", "/people/a%2Fb", "/people/{id}", {"id": "a/b"}),
        ("GET", "/people/email=a%40b%3D", "/people/email={address}", {"address": "a@b="}),
        ("GET", "/people/7/notes/8", "/people/{id}/notes/{note}", {"id": "7", "note": "8"}),
        ("GET", "/people/7/notes/latest", "/people/{id}/notes/latest", {"id": "7"}),
        ("POST", "/lists/7/add", "/lists/{list}/add", {"list": "7"}),
    ],
)
def test_a_path_is_matched_before_it_is_decoded(
    method: str, path: str, template: str, parameters: dict[str, str]
) -> None:
    route = ROUTES.find(method, path)
    assert route is not None
    assert (route.template, route.parameters) == (template, parameters)
    assert route.parameter == [*parameters.values(), ""][max(0, len(parameters) - 1)]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/people/"),
        ("GET", "/people//notes/8"),
        ("POST", "/people/7"),
        ("GET", "/people/7/8"),
        ("GET", ""),
    ],
)
def test_a_path_that_fits_no_template_is_not_found(method: str, path: str) -> None:
    assert ROUTES.find(method, path) is None
