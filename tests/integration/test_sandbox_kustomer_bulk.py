"""The Kustomer sandbox's bulk jobs are asynchronous, and complete whatever became of their items."""

from typing import Any

import pytest
from asking import START, Asker
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk.sandbox.customerly import SANDBOX_TOKEN
from bulk.sandbox.kustomer import Kustomer
from bulk.sandbox.kustomer_behaviour import KustomerBehaviour

NOBODY = "5f0000000000000000000002"


def kustomer(**behaviour: Any) -> Asker:
    return Asker(Kustomer(KustomerBehaviour(**behaviour), SANDBOX_TOKEN))


@pytest.fixture
def at() -> Asker:
    return kustomer()


def people(count: int) -> list[dict[str, Any]]:
    return [{"_clientRef": str(number), "externalId": f"x{number}"} for number in range(count)]


def submitted(at: Asker, method: str, target: str, body: Any = None) -> str:
    status, answer = at.ask(method, target, body)
    assert (status, answer["data"]["type"], answer["data"]["attributes"]["status"]) == (201, "bulk", "queued")
    return str(answer["data"]["id"])


def batches(at: Asker, job: str) -> list[dict[str, Any]]:
    """Return a job's batches once it is complete."""
    at.now += 10
    assert at.ask("GET", f"/bulk/{job}")[1]["data"]["attributes"]["status"] == "complete"
    return [batch["attributes"] for batch in at.ask("GET", f"/bulk/{job}/batches")[1]["data"]]


def results(at: Asker, job: str) -> dict[str, Any]:
    return {result["_clientRef"]: result for batch in batches(at, job) for result in batch["results"]}


def test_a_job_is_queued_then_running_then_complete_and_works_batch_by_batch(at: Asker) -> None:
    job = submitted(at, "POST", "/customers/bulk", people(100))
    seen = []
    for later in (0.0, 0.09, 0.11, 0.16, 0.29, 0.31):
        at.now = START + later
        attributes = at.ask("GET", f"/bulk/{job}")[1]["data"]["attributes"]
        seen.append((attributes["status"], attributes["batches"]["complete"], len(at.contents("customers"))))
        assert attributes["batches"]["total"] == 2
    assert seen == [
        ("queued", 0, 0),
        ("queued", 0, 0),
        ("running", 0, 0),
        ("running", 1, 50),
        ("running", 1, 50),
        ("complete", 2, 100),
    ]


def test_batches_that_are_not_done_yet_have_no_results(at: Asker) -> None:
    job = submitted(at, "POST", "/customers/bulk", people(2))
    (batch,) = at.ask("GET", f"/bulk/{job}/batches")[1]["data"]
    expected = {"status": "queued", "successCount": 0, "failureCount": 0, "objectIds": [], "errors": []}
    assert batch["attributes"] == {**expected, "completedAt": None, "results": []}


def test_a_complete_job_may_hold_failures_and_only_its_results_say_whose(at: Asker) -> None:
    taken = at.ask("POST", "/customers", {"externalId": "x1"})[1]["data"]["id"]
    job = submitted(at, "POST", "/customers/bulk", people(3))
    (batch,) = batches(at, job)
    assert (batch["status"], batch["successCount"], batch["failureCount"]) == ("complete", 2, 1)
    told = {result["_clientRef"]: result for result in batch["results"]}
    assert told["1"] == {"_clientRef": "1", "status": "error", "error": "duplicate detected"}
    made = {one["externalId"]: one["id"] for one in at.contents("customers")}
    assert made["x1"] == taken
    assert told["2"] == {"_clientRef": "2", "status": "created", "objectId": made["x2"]}


def test_without_client_references_there_are_no_results_and_the_ids_are_in_no_order(at: Asker) -> None:
    job = submitted(at, "POST", "/customers/bulk", [{"externalId": f"x{n}"} for n in range(50)])
    (batch,) = batches(at, job)
    in_order = [one["id"] for one in at.contents("customers")]
    assert "results" not in batch
    assert sorted(batch["objectIds"]) == in_order
    assert batch["objectIds"] != in_order


def test_two_items_of_one_request_can_be_duplicates_of_each_other(at: Asker) -> None:
    same = [{"_clientRef": ref, "externalId": "7"} for ref in "ab"]
    told = results(at, submitted(at, "POST", "/customers/bulk", same))
    assert [told[ref]["status"] for ref in "ab"] == ["created", "error"]


@pytest.mark.parametrize("refs", [["a", None], ["a", "a"], ["", "b"], ["a" * 256, "b"], [1, 2]])
def test_client_references_that_cannot_be_refuse_the_whole_request(at: Asker, refs: list[Any]) -> None:
    items = [{"name": "x"} if ref is None else {"name": "x", "_clientRef": ref} for ref in refs]
    assert at.ask("POST", "/customers/bulk", items)[0] == 400
    assert at.contents("jobs") == []


@pytest.mark.parametrize("body", [[], {}, people(101), [1], b"["])
def test_a_body_that_is_no_list_of_up_to_a_hundred_items_is_refused(at: Asker, body: Any) -> None:
    assert at.ask("POST", "/customers/bulk", body)[0] == 400


def test_a_request_beyond_the_limit_in_bytes_is_refused(at: Asker) -> None:
    large = [{"custom": {"aTxt": "x" * 1024, "bTxt": "x" * 1024}} for _ in range(60)]
    assert at.ask("POST", "/customers/bulk", large)[0] == 413


def test_an_item_that_breaks_the_schema_refuses_the_whole_request_with_its_place(at: Asker) -> None:
    items = [*people(2), {"_clientRef": "c", "emails": [{"email": "nobody"}]}]
    status, answer = at.ask("POST", "/customers/bulk", items)
    assert (status, answer["errors"][0]["source"]) == (400, {"pointer": "/2/emails/0/email"})


def test_an_item_that_breaks_the_schema_can_fail_alone() -> None:
    at = kustomer(job_refuses="item")
    items = [*people(1), {"_clientRef": "c", "emails": [{"email": "nobody"}]}]
    told = results(at, submitted(at, "POST", "/customers/bulk", items))
    assert [told[ref]["status"] for ref in ("0", "c")] == ["created", "error"]


def test_many_are_updated_each_with_its_own_body(at: Asker) -> None:
    ids = [at.ask("POST", "/customers", {"externalId": str(n)})[1]["data"]["id"] for n in range(2)]
    items = [{"_clientRef": one, "id": one, "name": one[-1]} for one in (*ids, NOBODY)]
    told = results(at, submitted(at, "PUT", "/customers/bulk", items))
    assert [told[one]["status"] for one in (*ids, NOBODY)] == ["updated", "updated", "error"]
    assert [one["name"] for one in at.contents("customers")] == ["1", "2"]


@pytest.mark.parametrize("item", [{"name": "x"}, {"id": NOBODY, "whatsapps": []}, {"id": "7"}])
def test_an_item_of_a_bulk_update_has_a_schema_of_its_own(at: Asker, item: Any) -> None:
    assert at.ask("PUT", "/customers/bulk", [item])[0] == 400


def test_a_bulk_update_keeps_the_rules_of_a_single_one(at: Asker) -> None:
    company = "5f0000000000000000000001"
    one = at.ask("POST", "/customers", {"company": company, "tags": ["a"]})[1]["data"]["id"]
    submitted(at, "PUT", "/customers/bulk", [{"id": one, "rev": 1, "tags": ["b"]}])
    job = submitted(at, "PUT", "/customers/bulk", [{"id": one, "rev": 1, "tags": ["c"]}])
    (batch,) = batches(at, job)
    assert batch["failureCount"] == 1
    assert at.contents("customers") == [{"id": one, "rev": 2, "tags": ["b"]}]


def test_many_are_updated_alike(at: Asker) -> None:
    ids = [at.ask("POST", "/customers", {})[1]["data"]["id"] for _ in range(2)]
    job = submitted(at, "PUT", f"/customers/bulk?ids={','.join(ids)}", {"tags": ["old"]})
    (batch,) = batches(at, job)
    assert (batch["successCount"], "results" in batch) == (2, False)
    assert [one["tags"] for one in at.contents("customers")] == [["old"], ["old"]]


def test_client_references_are_not_for_an_update_of_many_alike(at: Asker) -> None:
    assert at.ask("PUT", f"/customers/bulk?ids={NOBODY}", {"_clientRef": "a"})[0] == 400


def test_many_are_deleted_later(at: Asker) -> None:
    ids = [at.ask("POST", "/customers", {})[1]["data"]["id"] for _ in range(2)]
    job = submitted(at, "DELETE", f"/customers/bulk?ids={','.join([*ids, NOBODY])}")
    assert len(at.contents("customers")) == 2
    (batch,) = batches(at, job)
    assert (batch["successCount"], batch["failureCount"], at.contents("customers")) == (2, 1, [])


@pytest.mark.parametrize("query", ["", "?ids=", "?ids=" + ",".join(["a"] * 101)])
def test_a_deletion_of_many_names_up_to_a_hundred(at: Asker, query: str) -> None:
    assert at.ask("DELETE", f"/customers/bulk{query}")[0] == 400


def test_a_job_can_do_its_work_and_never_say_so() -> None:
    at = kustomer(stuck_jobs=True)
    job = submitted(at, "POST", "/customers/bulk", people(1))
    at.now += 1000
    attributes = at.ask("GET", f"/bulk/{job}")[1]["data"]["attributes"]
    assert (attributes["status"], attributes["batches"]) == ("running", {"complete": 0, "total": 1})
    assert len(at.contents("customers")) == 1


def test_results_can_be_missing() -> None:
    at = kustomer(lost_results=3)
    told = results(at, submitted(at, "POST", "/customers/bulk", people(9)))
    assert (len(told), len(at.contents("customers"))) == (6, 9)


def test_the_same_items_sent_again_are_counted(at: Asker) -> None:
    for _ in range(2):
        submitted(at, "POST", "/customers/bulk", people(3))
    submitted(at, "POST", "/customers/bulk", [{"_clientRef": "0", "externalId": "other"}])
    at.now += 1
    at.ask("GET", "/users/current")
    counts = at.system.counts()
    names = ("jobs", "items_submitted", "items_repeated", "items_failed", "records_created")
    assert [counts[name] for name in names] == [3, 7, 3, 3, 4]


def test_a_job_nobody_submitted_is_not_found(at: Asker) -> None:
    assert [at.ask("GET", f"/bulk/{NOBODY}{rest}")[0] for rest in ("", "/batches")] == [404, 404]


def test_jobs_can_be_looked_into(at: Asker) -> None:
    job = submitted(at, "POST", "/customers/bulk", people(1))
    batches(at, job)
    result = {"_clientRef": "0", "status": "created", "objectId": at.contents("customers")[0]["id"]}
    assert at.contents("jobs") == [
        {
            "id": job,
            "kind": "customer",
            "verb": "created",
            "status": "complete",
            "items": 1,
            "refs": ["0"],
            "results": [result],
            "succeeded": 1,
            "failed": 0,
        }
    ]


@settings(max_examples=40, deadline=None)
@given(
    keys=st.lists(st.integers(0, 8), min_size=1, max_size=30),
    size=st.integers(1, 12),
    gaps=st.lists(st.floats(0, 0.2), max_size=6),
)
def test_every_item_has_exactly_one_result_and_every_key_one_customer(
    keys: list[int], size: int, gaps: list[float]
) -> None:
    at = kustomer(job_batch=size)
    items = [{"_clientRef": str(place), "externalId": f"x{key}"} for place, key in enumerate(keys)]
    job = submitted(at, "POST", "/customers/bulk", items)
    for gap in gaps:
        at.now += gap
        at.ask("GET", f"/bulk/{job}")
    told = [result for batch in batches(at, job) for result in batch["results"]]
    assert sorted(int(result["_clientRef"]) for result in told) == list(range(len(keys)))
    made = {result["objectId"] for result in told if result["status"] == "created"}
    assert made == {one["id"] for one in at.contents("customers")}
    assert sorted(one["externalId"] for one in at.contents("customers")) == sorted(
        {f"x{key}" for key in keys}
    )
