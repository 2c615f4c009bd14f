"""The Customer.io sandbox answers as the reference says, checked without a network."""

from base64 import b64encode
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk.sandbox.customerio_app import App
from bulk.sandbox.customerio_behaviour import CustomerioBehaviour
from bulk.sandbox.customerio_track import Track
from bulk.sandbox.customerio_workspace import Workspace
from bulk.sandbox.exchange import Answer, Asked

BASIC = {"Authorization": f"Basic {b64encode(b'site:sandbox-token').decode()}"}
BEARER = {"Authorization": "Bearer sandbox-token"}
UNAUTHORIZED = {"meta": {"error": "Unauthorized request"}}
ANN = {"id": "ann"}
DONE: tuple[int, Any] = (200, {})


class Cio:
    """A workspace, both its APIs, and a clock that is moved by hand."""

    def __init__(self, **behaviour: Any) -> None:
        self.now = 1_700_000_000.0
        self.workspace = Workspace(CustomerioBehaviour(**{"lag": 0.0, **behaviour}))
        self.track_api = Track(self.workspace, "sandbox-token")
        self.app_api = App(self.workspace, "sandbox-token")

    def ask(
        self, system: Track | App, method: str, target: str, body: Any, headers: dict[str, str]
    ) -> Answer:
        parts = urlsplit(target)
        route = system.routes.find(method, parts.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        sent = body if isinstance(body, bytes) else orjson.dumps(body)
        parameters = route.parameters if route else {}
        parameter = route.parameter if route else ""
        asked = Asked(method, parts.path, query, headers, sent, self.now, parameter, parameters)
        return system.answer(asked, route)

    def track(self, method: str, target: str, body: Any = None) -> tuple[int, Any]:
        return read(self.ask(self.track_api, method, f"/api{target}", body, BASIC))

    def app(self, method: str, target: str, body: Any = None) -> tuple[int, Any]:
        return read(self.ask(self.app_api, method, f"/v1{target}", body, BEARER))

    def batch(self, *items: Any) -> tuple[int, Any]:
        return self.track("POST", "/v2/batch", {"batch": list(items)})

    def person(self, action: str, identifiers: dict[str, str], **more: Any) -> tuple[int, Any]:
        return self.batch(item(action, identifiers, **more))

    def identify(self, identifiers: dict[str, str], **attributes: Any) -> tuple[int, Any]:
        return self.person("identify", identifiers, attributes=attributes)

    def contents(self, kind: str) -> list[Any]:
        contents = self.track_api.contents(kind)
        assert contents is not None
        return list(contents)

    def people(self) -> dict[str, Any]:
        return {person["id"] or person["email"]: person for person in self.contents("people")}

    def shown(self, value: str, kind: str = "id") -> Any:
        status, body = self.app("GET", f"/customers/{quote(value, safe='')}/attributes?id_type={kind}")
        return body["customer"] if status == 200 else status


def read(answer: Answer) -> tuple[int, Any]:
    is_json = answer.content_type == "application/json" and answer.body
    return answer.status, orjson.loads(answer.body) if is_json else answer.body


def item(action: str, identifiers: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"type": "person", "action": action, "identifiers": identifiers, **more}


@pytest.fixture
def cio() -> Cio:
    return Cio()


def test_track_takes_any_site_id_with_the_token_as_password(cio: Cio) -> None:
    region = {"url": "track.customer.io", "region": "us", "environment_id": 1}
    assert cio.track("GET", "/v1/accounts/region") == (200, region)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        BEARER,
        {"Authorization": f"Basic {b64encode(b'site:wrong').decode()}"},
        {"Authorization": f"Basic {b64encode(b':sandbox-token').decode()}"},
        {"Authorization": "Basic sandbox-token"},
    ],
)
def test_track_refuses_other_credentials_in_its_realm(cio: Cio, headers: dict[str, str]) -> None:
    answer = cio.ask(cio.track_api, "POST", "/api/v2/batch", {}, headers)
    assert read(answer) == (401, UNAUTHORIZED)
    assert dict(answer.headers)["WWW-Authenticate"].startswith('Basic realm="Customer.io')


def test_the_app_api_wants_a_bearer(cio: Cio) -> None:
    answer = cio.ask(cio.app_api, "GET", "/v1/customers?email=a", None, BASIC)
    assert (read(answer), answer.headers) == ((401, UNAUTHORIZED), ())


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v2/batch"), ("POST", "/v3/batch"), ("GET", "/v1/customers/")]
)
def test_an_unknown_path_is_a_page_for_people(cio: Cio, method: str, path: str) -> None:
    answer = cio.ask(cio.track_api, method, f"/api{path}", None, {})
    assert (answer.status, answer.content_type) == (404, "text/html")


def test_the_region_is_that_of_the_account() -> None:
    told = Cio(region="eu", environment_id=7).track("GET", "/v1/accounts/region")[1]
    assert told == {"url": "track-eu.customer.io", "region": "eu", "environment_id": 7}


def test_an_account_elsewhere_is_a_redirect() -> None:
    cio = Cio(region="eu", moved=True)
    answer = cio.ask(cio.track_api, "GET", "/api/v1/accounts/region", None, BASIC)
    assert (answer.status, answer.headers) == (
        301,
        (("Location", "https://track.customer.io/api/v1/accounts/region"),),
    )


def test_everything_accepted_is_an_empty_object(cio: Cio) -> None:
    answer = cio.ask(cio.track_api, "POST", "/api/v2/entity", item("delete", {"id": "never there"}), BASIC)
    assert (answer.status, answer.body) == (200, b"{}\n")


BAD: list[tuple[Any, str, str]] = [
    ("text", "", "must be an object"),
    ({"action": "identify", "identifiers": ANN}, "type", "cannot be blank"),
    ({"type": ["person"], "action": "identify"}, "type", "must be person, object or delivery"),
    (item("erase", ANN), "action", "must be one of"),
    ({"type": "person", "action": "identify"}, "identifiers", "cannot be blank"),
    (item("identify", {"id": "a", "email": "b"}), "identifiers", "exactly one of"),
    (item("identify", {"user_id": "a"}), "identifiers", "exactly one of"),
    (item("delete", {"id": ""}), "identifiers.id", "cannot be blank"),
    (item("delete", {"id": 7}), "identifiers.id", "must be a string"),  # type: ignore[dict-item]  # wrong on purpose
    (item("delete", {"id": "ü" * 76}), "identifiers.id", "longer than 150 bytes"),
    (item("delete", {"phone": "040 123"}), "identifiers.phone", "E.164"),
    (item("identify", ANN, attributes=[]), "attributes", "must be an object"),
    (item("identify", ANN, attributes={f"a{n}": n for n in range(301)}), "attributes", "more than 300"),
    (item("identify", ANN, attributes={"ü" * 76: 1}), f"attributes.{'ü' * 76}", "longer than 150 bytes"),
    (item("identify", ANN, attributes={"a": "ü" * 501}), "attributes.a", "longer than 1000 bytes"),
    (item("identify", ANN, attributes={"a": ["x" * 1000]}), "attributes.a", "longer than 1000 bytes"),
    (item("identify", ANN, attributes={"id": 7}), "attributes.id", "must be a string"),
    (item("identify", ANN, timestamp="now"), "timestamp", "unix timestamp"),
    (item("identify", ANN, timestamp=True), "timestamp", "unix timestamp"),
    (item("event", ANN), "name", "cannot be blank"),
    (item("event", ANN, name=" "), "name", "cannot be blank"),
    (item("page", ANN, name="ü" * 51), "name", "longer than 100 bytes"),
    (item("event", ANN, name="a", id=7), "id", "ULID"),
    (item("add_device", ANN), "device", "cannot be blank"),
    (
        item("add_device", ANN, device={"token": "t", "platform": "pager"}),
        "device.platform",
        "ios or android",
    ),
    (item("delete_device", ANN, device={"id": "t"}), "device.token", "cannot be blank"),
    (item("add_relationships", ANN), "cio_relationships", "cannot be blank"),
    ({"type": "person", "action": "merge", "primary": ANN}, "secondary", "cannot be blank"),
    (
        {"type": "person", "action": "merge", "primary": ANN, "secondary": {"phone": "+3912345678"}},
        "secondary",
        "exactly one of id, email, cio_id",
    ),
]


@pytest.mark.parametrize(("bad", "field", "message"), BAD)
def test_a_bad_item_is_told_by_its_index_and_all_others_are_accepted(
    cio: Cio, bad: Any, field: str, message: str
) -> None:
    status, told = cio.batch(item("identify", {"id": "first"}), bad, item("identify", {"id": "last"}))
    (error,) = told["errors"]
    assert (status, error["batch_index"], error["field"]) == (207, 1, field)
    assert message in error["message"]
    assert set(cio.people()) == {"first", "last"}


def test_one_item_may_be_wrong_in_several_ways(cio: Cio) -> None:
    long = {"a": "x" * 1001, "b": "x" * 1001}
    told = cio.batch(item("identify", ANN), item("identify", ANN, attributes=long))[1]
    assert [(error["batch_index"], error["field"]) for error in told["errors"]] == [
        (1, "attributes.a"),
        (1, "attributes.b"),
    ]


def test_errors_may_hold_an_index_alone() -> None:
    assert Cio(bare_errors=True).batch({}, item("identify", ANN)) == (207, {"errors": [{"batch_index": 0}]})


@pytest.mark.parametrize("status", [207, 400])
def test_a_batch_of_bad_items_alone_has_the_status_of_the_behaviour(status: int) -> None:
    assert Cio(all_bad=status).batch({}, {})[0] == status


def test_a_single_bad_entity_is_a_400_without_an_index(cio: Cio) -> None:
    status, told = cio.track("POST", "/v2/entity", item("event", ANN))
    assert status == 400
    assert told == {"errors": [{"reason": "required", "field": "name", "message": "cannot be blank"}]}


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"batch": []}', b'{"batch": {}}', b"[" * 500 + b"]" * 500])
def test_a_body_that_is_no_batch_is_refused_as_a_whole(cio: Cio, body: bytes) -> None:
    status, told = cio.track("POST", "/v2/batch", body)
    assert (status, "batch_index" in told["errors"][0]) == (400, False)


@pytest.mark.parametrize("status", [400, 413])
@pytest.mark.parametrize("path", ["/v2/batch", "/v2/entity"])
def test_an_item_beyond_32_kb_refuses_everything(path: str, status: int) -> None:
    cio = Cio(too_large=status)
    large = item("event", ANN, name="bought", attributes={"a": "x" * 32_000})
    body = {"batch": [item("identify", ANN), large]} if path == "/v2/batch" else large
    assert (cio.track("POST", path, body)[0], cio.contents("people")) == (status, [])


def test_many_items_may_be_larger_together(cio: Cio) -> None:
    items = [item("event", ANN, name="bought", attributes={"a": "x" * 31_000}) for _ in range(10)]
    assert cio.batch(*items) == DONE


def test_a_body_beyond_500_kb_is_refused() -> None:
    cio = Cio()
    assert cio.track_api.max_body == 500_000
    assert cio.track_api.too_large().status == 400


def test_a_person_is_created_and_then_changed(cio: Cio) -> None:
    cio.identify(ANN, plan="free", city="Rome")
    assert cio.identify(ANN, plan="pro") == DONE
    (person,) = cio.contents("people")
    assert (person["id"], person["attributes"]) == ("ann", {"plan": "pro", "city": "Rome"})


def test_attributes_are_kept_exactly_and_shown_as_text(cio: Cio) -> None:
    given = {"n": 30, "f": 1.5, "yes": True, "list": [1, "a"], "text": "Zoë", "nothing": None}
    cio.identify(ANN, **given)
    assert cio.people()["ann"]["attributes"] == given
    shown = cio.shown("ann")
    assert shown["attributes"] == {
        "cio_id": "a3000001",
        "id": "ann",
        "n": "30",
        "f": "1.5",
        "yes": "true",
        "list": '[1,"a"]',
        "text": "Zoë",
    }
    assert shown["identifiers"] == {"cio_id": "a3000001", "id": "ann", "email": None}
    assert shown["timestamps"]["n"] == 1_700_000_000


def test_an_update_never_creates(cio: Cio) -> None:
    assert cio.identify(ANN, _update=True, plan="pro") == DONE
    assert cio.people() == {}
    cio.identify(ANN)
    cio.identify(ANN, _update=True, plan="pro")
    assert cio.people()["ann"]["attributes"] == {"plan": "pro"}


def test_an_unknown_cio_id_is_dropped_with_a_200(cio: Cio) -> None:
    assert cio.identify({"cio_id": "a3000001"}, plan="pro") == DONE
    cio.identify(ANN)
    assert cio.identify({"cio_id": "cio_a3000001"}, plan="pro") == DONE
    assert cio.people()["ann"]["attributes"] == {}
    assert cio.track_api.counts()["writes_dropped"] == 2


def test_an_address_in_another_case_is_the_same_person(cio: Cio) -> None:
    cio.identify({"email": "Ann@example.com"}, plan="free")
    cio.identify({"email": "ann@EXAMPLE.com"}, plan="pro")
    assert cio.people()["Ann@example.com"]["attributes"] == {"plan": "pro"}


def test_somebody_elses_address_is_dropped_without_a_word(cio: Cio) -> None:
    cio.identify({"id": "bob"}, email="shared@example.com")
    assert cio.identify(ANN, email="Shared@example.com", plan="pro") == DONE
    assert (cio.people()["ann"]["email"], cio.people()["ann"]["attributes"]) == (None, {"plan": "pro"})


def test_an_id_claims_the_profile_known_by_its_address_alone(cio: Cio) -> None:
    cio.identify({"email": "ann@example.com"}, plan="pro")
    cio.identify(ANN, email="ann@example.com")
    (person,) = cio.contents("people")
    assert (person["cio_id"], person["id"], person["attributes"]) == ("a3000001", "ann", {"plan": "pro"})


def test_an_id_is_changed_by_cio_id_only(cio: Cio) -> None:
    cio.identify({"email": "ann@example.com"}, id="ann")
    cio.identify({"email": "ann@example.com"}, id="other")
    assert set(cio.people()) == {"ann"}
    cio.identify({"cio_id": "a3000001"}, id="other")
    assert set(cio.people()) == {"other"}
    assert cio.shown("ann") == 404


def test_an_older_timestamp_does_not_overwrite_a_newer_one(cio: Cio) -> None:
    for stamp, plan in ((200, "new"), (100, "old")):
        cio.person("identify", ANN, attributes={"plan": plan, f"only_{plan}": 1}, timestamp=stamp)
    assert cio.people()["ann"]["attributes"] == {"plan": "new", "only_new": 1, "only_old": 1}


@pytest.mark.parametrize(
    ("value", "shown"), [(True, True), ("TRUE", True), ("1", True), (1, True), ("yes", False)]
)
def test_unsubscribed_is_true_in_any_case_or_one(cio: Cio, value: Any, *, shown: bool) -> None:
    cio.identify(ANN, unsubscribed=value)
    assert cio.shown("ann")["unsubscribed"] is shown


def test_a_dotted_topic_is_one_topic_and_an_object_replaces_them(cio: Cio) -> None:
    cio.identify(ANN, cio_subscription_preferences={"topics": {"topic_1": True}})
    cio.identify(ANN, **{"cio_subscription_preferences.topics.topic_2": False})
    both = {"topics": {"topic_1": True, "topic_2": False}}
    assert cio.people()["ann"]["attributes"] == {"cio_subscription_preferences": both}


def test_unsubscribing_may_be_accepted_without_effect() -> None:
    cio = Cio(unsubscribe_ignored=frozenset(["ann@example.com"]))
    cio.identify({"email": "Ann@example.com"}, unsubscribed=True)
    assert cio.shown("ann@example.com", "email")["unsubscribed"] is False


def test_whoever_was_deleted_comes_back_as_somebody_else(cio: Cio) -> None:
    cio.identify(ANN, unsubscribed=True)
    assert cio.person("delete", ANN) == DONE
    assert (cio.person("delete", ANN), cio.shown("ann")) == (DONE, 404)
    cio.identify(ANN)
    assert (cio.shown("ann")["identifiers"]["cio_id"], cio.shown("ann")["unsubscribed"]) == (
        "a3000002",
        False,
    )


def test_whoever_is_suppressed_is_blocked_by_all_identifiers(cio: Cio) -> None:
    cio.identify(ANN, email="Ann@example.com")
    cio.person("event", ANN, name="bought")
    assert cio.person("suppress", ANN) == DONE
    for identifiers in (ANN, {"email": "ann@example.com"}):
        assert cio.identify(identifiers) == DONE
        assert cio.person("event", identifiers, name="bought") == DONE
    assert (cio.people(), cio.contents("events")) == ({}, [])
    assert cio.contents("suppressed") == [
        {"type": "id", "value": "ann"},
        {"type": "email", "value": "ann@example.com"},
    ]


def test_strangers_can_be_suppressed_and_the_deleted_keep_their_events(cio: Cio) -> None:
    cio.person("event", ANN, name="bought")
    cio.person("delete", ANN)
    cio.person("suppress", ANN)
    cio.identify(ANN)
    assert (cio.people(), [event["name"] for event in cio.contents("events")]) == ({}, ["bought"])


def test_unsuppressing_frees_the_identifier_and_restores_nothing(cio: Cio) -> None:
    cio.identify(ANN, plan="pro")
    cio.person("suppress", ANN)
    assert cio.person("unsuppress", ANN) == DONE
    assert cio.people() == {}
    cio.identify(ANN)
    assert cio.people()["ann"]["attributes"] == {}


@pytest.mark.parametrize("action", ["delete", "suppress"])
def test_removing_may_be_accepted_without_effect(action: str) -> None:
    cio = Cio(delete_ignored=frozenset(["ann@example.com"]))
    cio.identify({"email": "ann@example.com"})
    cio.person(action, {"email": "ann@example.com"})
    assert (len(cio.people()), cio.contents("suppressed")) == (1, [])


def test_an_event_creates_its_person_and_counts_once_by_its_id(cio: Cio) -> None:
    ulid = "01HF0000000000000000000000"
    for _ in range(2):
        cio.person("event", ANN, name="bought", id=ulid, attributes={"n": 1}, timestamp=5)
    assert cio.contents("events") == [
        {
            "name": "bought",
            "id": ulid,
            "timestamp": 5,
            "attributes": {"n": 1},
            "identifiers": ANN,
            "type": "event",
            "cio_id": "a3000001",
        }
    ]
    assert cio.track_api.counts()["events_repeated"] == 1


def test_events_without_an_id_are_all_counted(cio: Cio) -> None:
    for _ in range(2):
        cio.person("screen", ANN, name="home")
    counts = cio.track_api.counts()
    assert (counts["events"], counts["items_repeated"]) == (2, 1)


def test_devices_come_and_go(cio: Cio) -> None:
    for token in ("t1", "t2"):
        cio.person("add_device", ANN, device={"token": token, "platform": "ios"})
    cio.person("delete_device", ANN, device={"token": "t1"})
    cio.person("delete_device", {"id": "nobody"}, device={"token": "t1"})
    assert cio.people()["ann"]["devices"] == [{"token": "t2", "platform": "ios"}]
    assert cio.shown("ann")["devices"] == [{"id": "t2", "platform": "ios"}]


def merge(primary: dict[str, str], secondary: dict[str, str]) -> dict[str, Any]:
    return {"type": "person", "action": "merge", "primary": primary, "secondary": secondary}


def test_a_merge_keeps_what_the_primary_has_and_adds_the_rest(cio: Cio) -> None:
    cio.identify(ANN, plan="pro")
    cio.identify({"email": "ann@example.com"}, plan="free", city="Rome")
    cio.person("event", {"email": "ann@example.com"}, name="bought")
    assert cio.batch(merge(ANN, {"email": "ann@example.com"})) == DONE
    (person,) = cio.contents("people")
    assert (person["email"], person["attributes"]) == ("ann@example.com", {"plan": "pro", "city": "Rome"})
    assert [event["cio_id"] for event in cio.contents("events")] == ["a3000001"]


@pytest.mark.parametrize(("primary", "secondary"), [("nobody", "ann"), ("ann", "nobody"), ("ann", "ann")])
def test_a_merge_with_nobody_does_nothing(cio: Cio, primary: str, secondary: str) -> None:
    cio.identify(ANN, plan="pro")
    assert cio.batch(merge({"id": primary}, {"id": secondary})) == DONE
    assert cio.people()["ann"]["attributes"] == {"plan": "pro"}


def test_relationships_are_added_and_removed(cio: Cio) -> None:
    both = [{"identifiers": {"object_type_id": "1", "object_id": name}} for name in ("a", "b")]
    cio.person("add_relationships", ANN, cio_relationships=both)
    cio.person("delete_relationships", ANN, cio_relationships=both[:1])
    assert cio.people()["ann"]["relationships"] == both[1:]


def test_phones_identify_only_where_the_workspace_says_so() -> None:
    phone = {"phone": "+390612345678"}
    assert Cio().identify(phone) == DONE
    cio = Cio(phone_identifies=False)
    assert cio.identify(phone)[0] == 207
    assert cio.app("GET", "/customers/%2B390612345678/attributes?id_type=phone")[0] == 400


def test_the_older_api_tells_an_identifier_by_its_shape(cio: Cio) -> None:
    assert cio.track("PUT", "/v1/customers/ann%2Fb", {"email": "ann@example.com", "plan": "free"}) == DONE
    assert cio.track("PUT", "/v1/customers/ann%40example.com", {"plan": "pro"}) == DONE
    assert cio.track("PUT", "/v1/customers/cio_a3000001", {"city": "Rome"}) == DONE
    assert cio.people()["ann/b"]["attributes"] == {"plan": "pro", "city": "Rome"}


def test_the_older_api_does_all_the_rest_too(cio: Cio) -> None:
    ann = "/v1/customers/ann"
    assert cio.track("PUT", ann, {"_timestamp": 100, "cio_relationships": {"relationships": [1]}}) == DONE
    assert cio.track("POST", f"{ann}/events", {"name": "bought", "data": {"n": 1}}) == DONE
    assert cio.track("POST", "/v1/events", {"name": "seen", "anonymous_id": "x"}) == DONE
    assert cio.track("PUT", f"{ann}/devices", {"device": {"id": "t/1", "platform": "ios"}}) == DONE
    (person,) = cio.contents("people")
    assert (person["devices"], person["relationships"]) == ([{"token": "t/1", "platform": "ios"}], [1])
    assert [(event["name"], event["cio_id"]) for event in cio.contents("events")] == [
        ("bought", "a3000001"),
        ("seen", None),
    ]
    assert cio.track("DELETE", f"{ann}/devices/t%2F1") == DONE
    assert cio.track("POST", "/v1/merge_customers", {"primary": ANN, "secondary": {"id": "x"}}) == DONE
    assert cio.people()["ann"]["devices"] == []
    assert cio.track("POST", f"{ann}/suppress") == DONE
    assert (cio.people(), len(cio.contents("suppressed"))) == ({}, 1)
    assert cio.track("POST", f"{ann}/unsuppress") == DONE
    assert cio.track("DELETE", ann) == DONE


@pytest.mark.parametrize(
    ("method", "path", "body", "message"),
    [
        ("POST", "/v1/customers/ann/events", {}, "name cannot be blank"),
        ("POST", "/v1/events", {"name": ""}, "name cannot be blank"),
        (
            "POST",
            "/v1/customers/ann/events",
            {"name": "a", "type": "delete"},
            "type must be one of event, page, screen",
        ),
        ("POST", "/v1/customers/ann/events", {"name": "a", "data": [1]}, "event data must be a hash"),
        (
            "PUT",
            "/v1/customers/ann",
            {"a": "x" * 1001},
            "value for attribute 'a' cannot be longer than 1000 bytes",
        ),
        ("PUT", "/v1/customers/ann", [], "request body must be a JSON object"),
        ("POST", "/v1/segments/0/add_customers", {"ids": ["a"]}, "segment_id must be a positive number"),
        ("POST", "/v1/segments/x/add_customers", {"ids": ["a"]}, "segment_id must be a positive number"),
        ("POST", "/v1/segments/7/add_customers", {"ids": []}, "ids must be an array of 1 to 1000 strings"),
        (
            "POST",
            "/v1/segments/7/add_customers",
            {"ids": ["a"] * 1001},
            "ids must be an array of 1 to 1000 strings",
        ),
        ("POST", "/v1/segments/7/add_customers", {"ids": [7]}, "ids must be an array of 1 to 1000 strings"),
        (
            "POST",
            "/v1/segments/7/add_customers?id_type=phone",
            {"ids": ["a"]},
            "id_type must be one of id, email, cio_id",
        ),
    ],
)
def test_the_older_api_refuses_in_one_sentence_or_a_list(
    cio: Cio, method: str, path: str, body: Any, message: str
) -> None:
    assert cio.track(method, path, body) == (400, {"meta": {"error": message}})
    assert Cio(v1_error="errors").track(method, path, body) == (400, {"meta": {"errors": [message]}})


def test_segments_are_filled_and_emptied(cio: Cio) -> None:
    cio.identify({"email": "bob@example.com"})
    assert cio.track("POST", "/v1/segments/7/add_customers", {"ids": ["ann", "eve"]}) == DONE
    mails = {"ids": ["Bob@example.com", "no address"]}
    assert cio.track("POST", "/v1/segments/7/add_customers?id_type=email", mails) == DONE
    assert cio.track("POST", "/v1/segments/7/remove_customers", {"ids": ["eve", "nobody"]}) == DONE
    members = [(entry["segment_id"], entry["id"] or entry["email"]) for entry in cio.contents("segments")]
    assert members == [(7, "bob@example.com"), (7, "ann")]
    assert cio.app("GET", "/segments/7/customer_count") == (200, {"count": 2})
    assert cio.app("GET", "/segments/7/membership")[1]["ids"] == ["ann"]
    assert [segment["id"] for segment in cio.app("GET", "/segments")[1]["segments"]] == [7]
    assert cio.app("GET", "/customers/ann/segments")[1]["segments"][0]["id"] == 7


def test_whether_a_segment_creates_people_is_a_question() -> None:
    cio = Cio(segment_creates=False)
    cio.track("POST", "/v1/segments/7/add_customers", {"ids": ["ann"]})
    assert cio.people() == {}


def test_a_write_is_shown_only_after_the_lag() -> None:
    cio = Cio(lag=10.0)
    cio.identify(ANN, plan="pro")
    cio.now += 9.9
    assert (cio.shown("ann"), len(cio.contents("people"))) == (404, 1)
    cio.now += 0.2
    assert cio.shown("ann")["attributes"]["plan"] == "pro"
    cio.person("suppress", ANN)
    cio.now += 9.9
    assert cio.shown("ann")["attributes"]["plan"] == "pro"
    cio.now += 0.2
    assert cio.shown("ann") == 404


def test_what_is_shown_in_the_end_is_what_was_written() -> None:
    cio = Cio(lag=1.0)
    cio.identify({"email": "ann@example.com"}, **{"cio_subscription_preferences.topics.topic_1": True})
    cio.identify(ANN, email="ann@example.com", city="Rome")
    cio.batch(item("identify", {"id": "bob"}), merge(ANN, {"id": "bob"}))
    cio.now += 2
    shown = [person.shown() for person in cio.workspace.shown(cio.now).people]
    assert shown == cio.contents("people")


def test_nobody_of_that_address_is_an_empty_list_and_a_raw_plus_finds_nobody(cio: Cio) -> None:
    cio.identify({"email": "ann+1@example.com"})
    found = {"cio_id": "a3000001", "id": None, "email": "ann+1@example.com"}
    assert cio.app("GET", "/customers?email=ann%2B1%40example.com") == (200, {"results": [found]})
    assert cio.app("GET", "/customers?email=ann+1%40example.com") == (200, {"results": []})
    assert cio.app("GET", "/customers")[0] == 400


@pytest.mark.parametrize(("as_text", "status"), [(True, "404"), (False, 404)])
def test_nobody_of_that_id_is_a_404_with_a_reference(status: Any, *, as_text: bool) -> None:
    told = Cio(status_as_text=as_text).app("GET", "/customers/nobody/attributes")
    assert (told[0], told[1]["errors"][0]["status"]) == (404, status)
    assert told[1]["errors"][0]["detail"].startswith("not found (reference ")


def test_the_wrong_type_of_identifier_also_reads_as_absent(cio: Cio) -> None:
    cio.identify({"email": "ann@example.com"})
    assert cio.shown("ann@example.com") == 404
    assert cio.app("GET", "/customers/ann/attributes?id_type=name")[0] == 400


def test_the_absent_are_left_out_of_many(cio: Cio) -> None:
    cio.batch(*(item("identify", {"id": f"p{n}"}) for n in range(3)))
    status, told = cio.app("POST", "/customers/attributes", {"ids": ["p2", "nobody", "p0", "p2"]})
    assert (status, [one["id"] for one in told["customers"]]) == (200, ["p2", "p0"])


@pytest.mark.parametrize("body", [{"ids": []}, {"ids": ["a"] * 101}, {"ids": [7]}, {}, [], b"{"])
def test_many_are_a_hundred_at_most(cio: Cio, body: Any) -> None:
    assert cio.app("POST", "/customers/attributes", body)[0] == 400


def found(cio: Cio, given: Any, query: str = "") -> list[str]:
    status, told = cio.app("POST", f"/customers{query}", {"filter": given})
    assert status == 200
    return list(told["ids"])


def test_a_filter_finds_people(cio: Cio) -> None:
    for name, plan in (("a", "pro"), ("b", "free"), ("c", None)):
        cio.identify({"id": name}, **({"plan": plan} if plan else {}))
    cio.track("POST", "/v1/segments/7/add_customers", {"ids": ["a", "c"]})
    pro = {"attribute": {"field": "plan", "operator": "eq", "value": "pro"}}
    planned = {"attribute": {"field": "plan", "operator": "exists"}}
    member = {"segment": {"id": 7}}
    assert found(cio, planned) == ["a", "b"]
    assert found(cio, {"and": [member, {"not": pro}]}) == ["c"]
    assert found(cio, {"or": [pro, {"not": planned}]}) == ["a", "c"]
    assert found(cio, {"attribute": {"field": "id", "operator": "eq", "value": "b"}}) == ["b"]


@pytest.mark.parametrize("people", [4, 5, 6])
def test_pages_hold_everybody_once(cio: Cio, people: int) -> None:
    cio.batch(*(item("identify", {"id": f"p{n}"}) for n in range(people)))
    met: list[str] = []
    start, pages = "", 0
    while start or not pages:
        body = {"filter": {"attribute": {"field": "cio_id", "operator": "exists"}}}
        told = cio.app("POST", f"/customers?limit=2&start={start}", body)[1]
        met += told["ids"]
        start, pages = told["next"], pages + 1
    assert (met, pages) == ([f"p{n}" for n in range(people)], (people + 1) // 2)


@pytest.mark.parametrize(
    "given",
    [
        None,
        {},
        {"and": []},
        {"near": 1},
        {"segment": {"id": "7"}},
        {"attribute": {"field": "a", "operator": "like"}},
        {"attribute": {"operator": "exists"}},
        {"and": [{"segment": {"id": 7}}], "or": [{"segment": {"id": 7}}]},
    ],
)
def test_a_filter_that_cannot_be_read_is_refused(cio: Cio, given: Any) -> None:
    assert cio.app("POST", "/customers", {"filter": given})[0] == 400


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "start=zz"])
def test_a_page_that_makes_no_sense_is_refused(cio: Cio, query: str) -> None:
    assert cio.app("POST", f"/customers?{query}", {"filter": {"segment": {"id": 7}}})[0] == 400


def test_other_traces_are_there_while_the_person_is(cio: Cio) -> None:
    cio.person("event", ANN, name="bought", attributes={"n": 1})
    (activity,) = cio.app("GET", "/customers/ann/activities")[1]["activities"]
    assert (activity["name"], activity["data"]) == ("bought", {"n": 1})
    for trace in ("messages", "relationships", "segments"):
        assert cio.app("GET", f"/customers/ann/{trace}")[0] == 200
        assert cio.app("GET", f"/customers/nobody/{trace}")[0] == 404


def test_a_reset_forgets_everything(cio: Cio) -> None:
    cio.identify(ANN)
    cio.app_api.reset()
    assert (cio.contents("people"), cio.track_api.counts()["items_accepted"]) == ([], 0)
    assert cio.track_api.contents("users") is None


def test_items_about_objects_and_deliveries_are_accepted_and_touch_nobody(cio: Cio) -> None:
    company = {"object_type_id": "1", "object_id": "acme"}
    about = {"type": "object", "action": "identify", "identifiers": company}
    opened = {"type": "delivery", "action": "event", "identifiers": {"id": "d1"}, "name": "opened"}
    assert cio.batch(about, opened) == DONE
    assert cio.people() == {}
    assert cio.batch(about | {"identifiers": {}}, opened | {"action": "identify"})[0] == 207


def test_the_app_api_refuses_what_is_too_large_in_its_own_form(cio: Cio) -> None:
    told = {"errors": [{"detail": "request body too large", "status": "413"}]}
    assert read(cio.app_api.too_large()) == (413, told)
    assert (cio.app_api.contents("people"), cio.app_api.counts()) == (None, {})
    answer = cio.ask(cio.app_api, "GET", "/v2/customers", None, BEARER)
    assert (answer.status, answer.content_type) == (404, "text/html")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(("", "person", "ann", "a@example.com")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("id", "email", "a")), inner),
    max_leaves=5,
)
ACTIONS = (
    *("identify", "delete", "suppress", "unsuppress", "event", "merge", "add_device", "delete_device"),
    *("add_relationships", "delete_relationships", "page"),
)
NAMES = (
    "identifiers",
    "attributes",
    "name",
    "timestamp",
    "device",
    "cio_relationships",
    "primary",
    "secondary",
)
WHO = st.sampled_from(({"id": "a"}, {"id": "b"}, {"email": "a@example.com"}, {"cio_id": "a3000001"}))
SENSIBLE = st.fixed_dictionaries(
    {
        "type": st.just("person"),
        "action": st.sampled_from(ACTIONS),
        "identifiers": WHO,
        "attributes": st.dictionaries(
            st.sampled_from(("email", "id", "plan")), st.sampled_from(("a", "b@example.com"))
        ),
        "name": st.just("bought"),
        "device": st.just({"token": "t", "platform": "ios"}),
        "cio_relationships": st.just([{"identifiers": {}}]),
        "primary": WHO,
        "secondary": WHO,
    }
)
NONSENSE = st.builds(
    lambda base, more: {**base, **more}, SENSIBLE, st.dictionaries(st.sampled_from(NAMES), ANYTHING)
)


@settings(max_examples=150, deadline=None)
@given(items=st.lists(SENSIBLE | NONSENSE | ANYTHING, min_size=1, max_size=8))
def test_whatever_is_sent_each_item_is_either_accepted_or_told(items: list[Any]) -> None:
    cio = Cio(lag=1.0)
    status, told = cio.batch(*items)
    refused = {error["batch_index"] for error in told.get("errors", ())}
    counts = cio.track_api.counts()
    assert (status, counts["items_refused"]) == (207 if refused else 200, len(refused))
    assert counts["items_accepted"] == len(items) - len(refused)


@settings(max_examples=150, deadline=None)
@given(items=st.lists(SENSIBLE, min_size=1, max_size=20))
def test_every_identifier_is_one_persons_and_what_is_shown_follows(items: list[Any]) -> None:
    cio = Cio(lag=1.0)
    cio.batch(*items)
    people = cio.contents("people")
    for kind in ("cio_id", "id", "email"):
        names = [person[kind] for person in people if person[kind]]
        assert len(names) == len(set(names))
        assert [cio.workspace.live.people.find(kind, name) is not None for name in names] == [True] * len(
            names
        )
    cio.now += 2
    assert [person.shown() for person in cio.workspace.shown(cio.now).people] == people
