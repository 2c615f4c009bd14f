"""The Kustomer sandbox keeps what belongs to customers, and custom objects, as the reference says."""

from typing import Any

import pytest
from asking import Asker

from bulk.sandbox.customerly import SANDBOX_TOKEN
from bulk.sandbox.kustomer import Kustomer
from bulk.sandbox.kustomer_behaviour import KustomerBehaviour

NOBODY = "5f0000000000000000000002"
ORDER = {
    "title": "Order 7",
    "externalId": "SO-7",
    "custom": {"totalNum": 12.5, "placedAt": "2025-01-02T03:04:05+01:00"},
    "data": {"lines": [{"sku": "TEA", "quantity": 2}], "note": None},
}


def kustomer(**behaviour: Any) -> Asker:
    return Asker(Kustomer(KustomerBehaviour(**behaviour), SANDBOX_TOKEN))


@pytest.fixture
def at() -> Asker:
    return kustomer()


def created(at: Asker, target: str, body: Any) -> str:
    status, answer = at.ask("POST", target, body)
    assert status == 201
    return str(answer["data"]["id"])


def test_an_object_is_kept_exactly_as_received(at: Asker) -> None:
    status, answer = at.ask("POST", "/klasses/order", ORDER)
    assert (status, answer["data"]["type"]) == (201, "kobject.order")
    identifier = answer["data"]["id"]
    assert at.contents("kobjects") == [{"id": identifier, "klass": "order", **ORDER, "customer": None}]
    assert at.ask("GET", f"/klasses/order/{identifier}")[1]["data"]["attributes"]["data"] == ORDER["data"]
    assert at.ask("GET", "/klasses/order/externalId=SO-7")[1]["data"]["id"] == identifier


def test_objects_of_one_class_are_told_from_those_of_another(at: Asker) -> None:
    created(at, "/klasses/order", ORDER)
    created(at, "/klasses/orders", ORDER)
    assert [one["klass"] for one in at.contents("kobject.order")] == ["order"]
    assert len(at.ask("GET", "/klasses/order")[1]["data"]) == 1


def test_an_object_of_a_class_nobody_made_is_refused() -> None:
    at = kustomer(klasses=frozenset({"order"}))
    created(at, "/klasses/order", ORDER)
    assert at.ask("POST", "/klasses/invoice", ORDER)[0] == 404


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"total": 5}, "/total"),
        ({"data": []}, "/data"),
        ({"custom": {"total": 5}}, "/custom/total"),
        ({"title": ""}, "/title"),
        ({"customer": "ann"}, "/customer"),
        ({"customer": NOBODY}, "/customer"),
    ],
)
def test_an_object_that_breaks_the_schema_is_refused(at: Asker, change: Any, pointer: str) -> None:
    status, answer = at.ask("POST", "/klasses/order", {**ORDER, **change})
    assert (status, answer["errors"][0]["source"], at.contents("kobjects")) == (400, {"pointer": pointer}, [])


def test_an_object_needs_a_title(at: Asker) -> None:
    assert at.ask("POST", "/klasses/order", {"externalId": "SO-7"})[0] == 400


def test_a_second_object_of_the_same_external_id_is_a_duplicate(at: Asker) -> None:
    created(at, "/klasses/order", ORDER)
    assert at.ask("POST", "/klasses/order", ORDER)[0] == 409
    assert len(at.contents("kobjects")) == 1


def test_an_object_is_changed_and_deleted(at: Asker) -> None:
    identifier = created(at, "/klasses/order", ORDER)
    change = {"title": "Order 7, returned", "externalId": "SO-7R", "custom": {"statusStr": "returned"}}
    assert at.ask("PUT", f"/klasses/order/{identifier}", change)[1]["data"]["attributes"]["rev"] == 2
    (kept,) = at.contents("kobjects")
    assert kept["custom"] == {**ORDER["custom"], "statusStr": "returned"}  # type: ignore[dict-item]
    assert at.ask("GET", "/klasses/order/externalId=SO-7")[0] == 404
    assert at.ask("DELETE", f"/klasses/order/{identifier}") == (204, b"")
    assert at.ask("GET", "/klasses/order/externalId=SO-7R")[0] == 404


def test_objects_are_created_and_deleted_in_jobs(at: Asker) -> None:
    items = [{"title": "a", "_clientRef": "1"}, {"title": "b", "_clientRef": "2"}]
    assert at.ask("POST", "/klasses/order/bulk", items)[0] == 201
    at.now += 1
    ids = [one["id"] for one in at.ask("GET", "/klasses/order")[1]["data"]]
    assert len(ids) == 2
    assert at.ask("DELETE", f"/klasses/order/bulk?ids={','.join(ids)}")[0] == 201
    at.now += 1
    assert at.ask("GET", "/klasses/order")[1]["data"] == []


def test_what_belongs_to_a_customer_is_listed_with_them(at: Asker) -> None:
    ann, bob = (created(at, "/customers", {"name": name}) for name in ("Ann", "Bob"))
    for kind in ("conversations", "messages", "notes", "drafts", "klasses/order"):
        identifier = created(at, f"/customers/{ann}/{kind}", {"title": "x"})
        listed = [
            [one["id"] for one in at.ask("GET", f"/customers/{who}/{kind}")[1]["data"]] for who in (ann, bob)
        ]
        assert listed == [[identifier], []]
    by_body = created(at, "/klasses/order", {"title": "y", "customer": bob})
    assert at.ask("GET", f"/customers/{bob}/klasses/order")[1]["data"][0]["id"] == by_body
    assert at.ask("GET", f"/customers/{ann}/events")[1]["data"] == []


@pytest.mark.parametrize("kind", ["conversations", "notes", "drafts"])
def test_a_child_is_read_and_deleted(at: Asker, kind: str) -> None:
    ann = created(at, "/customers", {})
    identifier = created(at, f"/customers/{ann}/{kind}", {"name": "x"})
    assert at.ask("GET", f"/{kind}/{identifier}")[1]["data"]["attributes"]["name"] == "x"
    assert at.ask("DELETE", f"/{kind}/{identifier}") == (204, b"")
    assert [at.ask(method, f"/{kind}/{identifier}")[0] for method in ("GET", "DELETE")] == [404, 404]
    assert at.ask("GET", f"/customers/{ann}/{kind}")[1]["data"] == []


def test_a_message_cannot_be_deleted_only_redacted(at: Asker) -> None:
    ann = created(at, "/customers", {})
    file = "5f0000000000000000000003"
    body = {"preview": "I live at…", "attachments": [file], "channel": "email"}
    identifier = created(at, f"/customers/{ann}/messages", body)
    assert at.ask("DELETE", f"/messages/{identifier}")[0] == 404
    assert at.ask("POST", f"/messages/{identifier}/redactions", {})[0] == 400
    redaction = {"preview": "[redacted]", "attachments": [file]}
    assert at.ask("POST", f"/messages/{identifier}/redactions", redaction)[0] == 201
    (kept,) = at.contents("messages")
    assert kept == {
        "id": identifier,
        "preview": "[redacted]",
        "attachments": [],
        "channel": "email",
        "redacted": True,
        "customer": ann,
    }


def test_a_message_shows_whether_it_is_redacted_and_what_it_is_tied_to(at: Asker) -> None:
    ann = created(at, "/customers", {})
    talk = created(at, f"/customers/{ann}/conversations", {"name": "x"})
    file = "5f0000000000000000000003"
    body = {"preview": "Hello", "conversation": talk, "attachments": [file]}
    identifier = created(at, f"/customers/{ann}/messages", body)
    (shown,) = at.ask("GET", f"/customers/{ann}/messages")[1]["data"]
    assert shown["attributes"].keys() == {"preview", "redacted", "rev", "createdAt", "updatedAt"}
    assert shown["attributes"]["redacted"] is False
    assert {name: link["data"] for name, link in shown["relationships"].items()} == {
        "customer": {"type": "customer", "id": ann},
        "conversation": {"type": "conversation", "id": talk},
        "attachments": [{"type": "attachment", "id": file}],
    }
    at.ask("POST", f"/messages/{identifier}/redactions", {"preview": "", "attachments": [file]})
    shown = at.ask("GET", f"/messages/{identifier}")[1]["data"]
    assert (shown["attributes"]["redacted"], "attachments" in shown["relationships"]) == (True, False)


@pytest.mark.parametrize("kind", ["conversations", "notes", "drafts"])
def test_a_child_can_be_refused_to_be_deleted_kept_or_listed_for_a_while(kind: str) -> None:
    refusing, keeping = kustomer(children_refused={kind}), kustomer(children_kept={kind})
    slow = kustomer(child_seconds=2.0)
    for at, status, left in ((refusing, 400, 1), (keeping, 204, 1), (slow, 204, 1)):
        ann = created(at, "/customers", {})
        identifier = created(at, f"/customers/{ann}/{kind}", {"name": "x"})
        answers = [at.ask("DELETE", f"/{kind}/{identifier}")[0] for _ in range(2)]
        listed = at.ask("GET", f"/customers/{ann}/{kind}")[1]["data"]
        assert (answers, len(listed)) == ([status, status], left)
    slow.now += 2
    assert (slow.ask("DELETE", f"/{kind}/{identifier}")[0], slow.contents(kind)) == (404, [])


def test_a_redaction_can_be_refused_or_without_effect() -> None:
    for at, status in (
        (kustomer(children_refused={"messages"}), 400),
        (kustomer(children_kept={"messages"}), 201),
    ):
        ann = created(at, "/customers", {})
        identifier = created(at, f"/customers/{ann}/messages", {"preview": "I live at…"})
        assert at.ask("POST", f"/messages/{identifier}/redactions", {"preview": "x"})[0] == status
        assert at.contents("messages")[0]["preview"] == "I live at…"


@pytest.mark.parametrize(("takes", "left"), [(False, 1), (True, 0)])
def test_what_belongs_to_a_deleted_customer_stays_unless_it_goes_too(*, takes: bool, left: int) -> None:
    at = kustomer(delete_takes_children=takes)
    ann = created(at, "/customers", {})
    created(at, f"/customers/{ann}/conversations", {"name": "x"})
    at.ask("DELETE", f"/customers/{ann}")
    assert len(at.contents("conversations")) == left


def test_nothing_can_be_given_to_a_customer_who_is_not_there(at: Asker) -> None:
    assert at.ask("POST", f"/customers/{NOBODY}/notes", {"body": "x"})[0] == 404


def test_a_kind_that_is_none_has_no_contents(at: Asker) -> None:
    assert at.system.contents("teams") is None
