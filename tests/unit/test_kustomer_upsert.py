from typing import Any

import orjson
import pytest
from conversing import LOST, answer
from hypothesis import given, settings
from hypothesis import strategies as st
from kustomer_talk import Account, Crashed, KustomerTalk, batch_of, carry_out, refusal

from bulk.conversation import Batch, Lost, Reply, Request, Status, Verdict
from bulk.destinations.kustomer import KUSTOMER
from bulk.destinations.kustomer.settings import KustomerSettings, UpsertOptions
from bulk.destinations.operation import Terms

SUCCEEDED = ("succeeded", "")
READ_BACK = ("succeeded", "read_back")
CONFLICT = ("failed", "identity_conflict")
ON_CONFLICT = UpsertOptions(lookup="on_conflict")


def people(count: int) -> list[dict[str, Any]]:
    return [{"externalId": f"c-{at}", "email": f"p{at}@example.com", "name": f"P{at}"} for at in range(count)]


def upsert(account: Account, *records: dict[str, Any], **more: Any) -> KustomerTalk:
    return carry_out("upsert_customer", batch_of(*records), account, **more)


def test_new_people_are_looked_up_by_every_identifier_and_created_by_one_job() -> None:
    account = Account(polls_to_end=2)

    talk = upsert(account, *people(3))

    assert talk.settled == [SUCCEEDED] * 3
    assert talk.paths[:2] == ["GET /customers/externalId=c-0", "GET /customers/email=p0%40example.com"]
    assert talk.written == ["POST /customers/bulk"]
    assert [shown["name"] for shown in account.customers.values()] == ["P0", "P1", "P2"]
    assert [verdict.object_id for verdict in talk.verdicts.values()] == list(account.customers)


def test_client_refs_are_row_numbers_and_nothing_about_the_person() -> None:
    account = Account()

    talk = carry_out("upsert_customer", batch_of(*people(2), first_row=41), account)

    sent = talk.bodies("POST", "/customers/bulk")[0]
    assert [item["_clientRef"] for item in sent] == ["41", "42"]


def test_known_people_are_updated_and_new_ones_created_in_the_same_batch() -> None:
    account = Account()
    known = [account.add(externalId=f"c-{at}", name="old") for at in (0, 2)]

    talk = upsert(account, *people(4))

    assert talk.settled == [SUCCEEDED] * 4
    assert talk.written == ["PUT /customers/bulk", "POST /customers/bulk"]
    assert [account.customers[number]["name"] for number in known] == ["P0", "P2"]
    assert len(account.customers) == 4


def test_the_job_is_remembered_before_it_is_asked_for() -> None:
    acts: list[str] = []

    def server(request: Request) -> Reply:
        acts.append(f"{request.method} {request.path.split('/')[1]}")
        return account(request)

    account = Account()
    talk = carry_out("upsert_customer", batch_of(*people(2)), server)

    job = talk.memories[0]["jobs"][0]
    assert (job["creates"], job["rows"]) == (True, [1, 2])
    assert talk.memories[-1] == {}
    assert talk.waits[0] == 1.0


def test_questions_come_ever_more_slowly() -> None:
    talk = upsert(Account(polls_to_end=8), *people(2))

    assert talk.waits == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_after_a_crash_the_remembered_job_is_asked_for_and_nothing_is_submitted_again() -> None:
    account = Account()

    def crash(request: Request) -> Reply | None:
        if request.path.startswith("/bulk/"):
            raise Crashed
        return None

    account.watch = crash
    before = upsert(account, *people(3))
    account.watch = lambda _request: None
    after = carry_out("upsert_customer", batch_of(*people(3), memory=before.memories[-1]), account)

    assert after.settled == [SUCCEEDED] * 3
    assert (after.written, len(account.customers)) == ([], 3)


def test_a_crash_between_two_jobs_leaves_only_the_second_to_be_submitted() -> None:
    account = Account()
    for at in (0, 1):
        account.add(externalId=f"c-{at}")

    def crash(request: Request) -> Reply | None:
        if request.method == "POST":
            raise Crashed
        return None

    account.watch = crash
    before = upsert(account, *people(4))
    account.watch = lambda _request: None
    after = carry_out("upsert_customer", batch_of(*people(4), memory=before.memories[-1]), account)

    assert after.written == ["POST /customers/bulk"]
    assert (after.settled, len(account.customers)) == ([SUCCEEDED] * 4, 4)


def test_a_record_that_somebody_else_created_meanwhile_is_updated() -> None:
    account = Account()

    def race(request: Request) -> Reply | None:
        if request.method == "POST":
            account.watch = lambda _request: None
            account.add(externalId="c-1", name="quicker")
        return None

    account.watch = race
    talk = upsert(account, *people(3))

    assert talk.settled == [SUCCEEDED] * 3
    assert talk.written == ["POST /customers/bulk", f"PATCH /customers/{1:024x}"]
    assert len(account.customers) == 3


def test_nobody_is_looked_up_first_if_the_step_says_so() -> None:
    account = Account()
    account.add(externalId="c-1", name="old")

    talk = upsert(account, *people(3), options=ON_CONFLICT)

    assert talk.settled == [SUCCEEDED] * 3
    assert talk.paths[0] == "POST /customers/bulk"
    assert [path for path in talk.paths if "externalId" in path] == ["GET /customers/externalId=c-1"]


def test_a_single_record_uses_the_direct_endpoints() -> None:
    account = Account()

    created = upsert(account, people(1)[0])
    updated = upsert(account, people(1)[0] | {"name": "new"})

    assert created.written == ["POST /customers"]
    assert updated.written == [f"PATCH /customers/{1:024x}"]
    assert (created.settled, updated.settled) == ([SUCCEEDED], [SUCCEEDED])
    assert account.customers[f"{1:024x}"]["name"] == "new"


def test_an_email_of_another_customer_than_the_external_id_is_never_overwritten() -> None:
    account = Account()
    account.add(externalId="c-0", emails=[{"email": "other@example.com"}])
    account.add(externalId="c-9", emails=[{"email": "p0@example.com"}])

    talk = upsert(account, people(1)[0])

    assert (talk.settled, talk.written) == ([CONFLICT], [])


def test_somebody_found_by_email_with_another_external_id_is_a_conflict() -> None:
    account = Account()
    account.add(externalId="c-9", emails=[{"email": "p0@example.com"}])

    assert upsert(account, people(1)[0]).settled == [CONFLICT]


def test_somebody_found_by_phone_with_another_email_is_a_conflict() -> None:
    account = Account()
    account.add(emails=[{"email": "other@example.com"}], phones=[{"phone": "+390612345678"}])

    talk = upsert(account, {"email": "new@example.com", "phone": "+39 06 1234 5678"})

    assert talk.settled == [CONFLICT]


def test_a_contact_point_that_people_share_names_nobody() -> None:
    account = Account()
    account.add(sharedEmails=[{"email": "p0@example.com"}])

    assert upsert(account, {"email": "p0@example.com", "name": "X"}).settled == [("failed", "ambiguous")]


def test_a_phone_of_somebody_else_is_found_when_the_update_is_refused() -> None:
    account = Account()
    account.add(externalId="c-0")
    account.add(externalId="c-9", phones=[{"phone": "+390612345678"}])

    talk = upsert(account, {"externalId": "c-0", "phone": "+390612345678"})

    assert talk.settled == [CONFLICT]
    assert talk.verdicts[0].error_message.startswith("the phone belongs to another customer")


@pytest.mark.parametrize(
    ("form", "paths"),
    [
        ("both", ["GET /customers/phone=%2B390612345678", "GET /customers/phone=390612345678"]),
        ("e164", ["GET /customers/phone=%2B390612345678"]),
        ("digits", ["GET /customers/phone=390612345678"]),
    ],
)
def test_a_phone_number_is_looked_up_in_the_form_the_setting_has(form: Any, paths: list[str]) -> None:
    talk = upsert(Account(), {"phone": "+39 (06) 1234.5678"}, settings=KustomerSettings(phone_look_up=form))

    assert talk.paths == [*paths, "POST /customers"]


@pytest.mark.parametrize("value", ["a/b", "a b", "../x", "a+b", "a?b=c", "ä"])
def test_identifiers_in_a_path_are_encoded_in_full(value: str) -> None:
    account = Account()
    account.add(externalId=value)

    talk = upsert(account, {"externalId": value, "name": "X"})

    assert talk.settled == [SUCCEEDED]
    assert not set(talk.requests[0].path.removeprefix("/customers/externalId=")) & set("/ +?=")


def test_an_update_adds_to_the_lists_that_are_there() -> None:
    account = Account()
    number = account.add(
        externalId="c-0",
        emails=[{"email": "Old@example.com", "type": "work", "verified": True}],
        phones=[{"phone": "+390611111111"}],
        tags=["vip", "5f0000000000000000000001"],
        custom={"planStr": "basic", "oldStr": "stays"},
    )

    upsert(
        account,
        {
            "externalId": "c-0",
            "email": "new@example.com",
            "phone": "+39 06 1111-1111",
            "tags": ["new"],
            "custom": {"planStr": "pro"},
        },
    )

    shown = account.customers[number]
    assert [item["email"] for item in shown["emails"]] == ["Old@example.com", "new@example.com"]
    assert shown["emails"][0] == {"email": "Old@example.com", "type": "work", "verified": True}
    assert shown["phones"] == [{"phone": "+390611111111"}]
    assert shown["tags"] == ["vip", "5f0000000000000000000001", "new"]
    assert shown["custom"] == {"planStr": "pro", "oldStr": "stays"}


def test_lists_that_hold_everything_already_are_left_out_of_an_update() -> None:
    account = Account()
    account.add(externalId="c-0", emails=[{"email": "p0@example.com"}], tags=["vip"])

    talk = upsert(account, {**people(1)[0], "tags": ["vip"]})

    assert talk.bodies("PATCH", f"/customers/{1:024x}") == [{"externalId": "c-0", "name": "P0", "rev": 1}]


def test_a_company_that_the_record_does_not_name_stays_linked() -> None:
    account = Account()
    number = account.add(externalId="c-0", company="5f00000000000000000000aa")

    upsert(account, *people(2))

    assert account.companies[number] == "5f00000000000000000000aa"


def test_a_company_given_as_null_is_unlinked() -> None:
    account = Account()
    account.add(externalId="c-0", company="5f00000000000000000000aa")

    upsert(account, {"externalId": "c-0", "company": None})

    assert account.companies == {}


def test_hidden_addresses_are_never_written_back() -> None:
    account = Account()
    account.add(externalId="c-0", emails=[{"email": "****@****"}])

    talk = upsert(account, people(1)[0])

    assert (talk.settled, talk.written) == ([("failed", "masked")], [])


def test_a_hidden_address_by_which_somebody_was_found_need_not_be_written() -> None:
    account = Account()
    number = account.add(emails=[{"email": "p0@example.com"}])
    shown = {"rev": 1, "emails": [{"id": None, "email": "p***@e***"}]}

    def hide(request: Request) -> Reply | None:
        if request.method == "GET" and "email=" in request.path:
            return answer({"data": {"id": number, "attributes": shown}})
        return None

    account.watch = hide
    talk = upsert(account, {"email": "p0@example.com", "name": "X"})

    assert talk.settled == [SUCCEEDED]
    assert talk.bodies("PATCH", f"/customers/{number}") == [{"name": "X", "rev": 1}]


def test_more_addresses_than_a_customer_may_have_are_refused_before_anything_is_sent() -> None:
    account = Account()
    account.add(externalId="c-0", emails=[{"email": f"x{at}@example.com"} for at in range(10)])

    talk = upsert(account, people(1)[0])

    assert (talk.settled, talk.written) == ([("failed", "too_many")], [])


def test_an_edit_made_meanwhile_is_not_overwritten_but_read_and_kept() -> None:
    account = Account()
    number = account.add(externalId="c-0", tags=["old"])

    def edit(request: Request) -> Reply | None:
        if request.method == "PATCH":
            account.watch = lambda _request: None
            account.customers[number].update(tags=["old", "edited"], rev=2)
        return None

    account.watch = edit
    talk = upsert(account, {"externalId": "c-0", "tags": ["new"]})

    assert talk.settled == [SUCCEEDED]
    assert account.customers[number]["tags"] == ["old", "edited", "new"]


def test_conflicts_without_end_are_failed_after_a_few_rounds() -> None:
    account = Account()
    account.add(externalId="c-0")
    account.watch = lambda request: (
        refusal("optimistic locking", 409, "conflict") if request.method == "PATCH" else None
    )

    talk = upsert(account, people(1)[0])

    assert talk.settled == [("failed", "conflict")]
    assert len(talk.written) == 4


def test_two_records_of_one_customer_both_take_effect() -> None:
    account = Account()
    number = account.add(externalId="c-0", emails=[{"email": "p0@example.com"}])

    talk = upsert(
        account,
        {"externalId": "c-0", "tags": ["one"]},
        {"email": "p0@example.com", "tags": ["two"]},
        people(2)[1],
    )

    assert talk.settled == [SUCCEEDED] * 3
    assert account.customers[number]["tags"] == ["one", "two"]


def test_a_refused_submission_splits_the_batch_before_anybody_is_created() -> None:
    account = Account()
    account.add(externalId="c-0")
    account.add(externalId="c-1")
    wrong = people(5)
    wrong[3]["custom"] = {"wrong?": 1}

    talk = upsert(account, *wrong)

    assert talk.split is not None
    assert talk.split.refusal.error_message == "bad custom suffix"
    assert talk.settled == []
    assert talk.memories[-1] == {}


def test_a_look_up_without_an_answer_fails_its_record_alone() -> None:
    account = Account()
    account.watch = lambda request: LOST if request.path.endswith("c-1") else None

    talk = upsert(account, *people(3))

    assert talk.settled == [SUCCEEDED, ("failed", "timeout"), SUCCEEDED]


def test_a_submission_without_an_answer_is_failed_and_safe_to_send_again() -> None:
    account = Account()
    account.watch = lambda request: LOST if request.method == "POST" else None

    talk = upsert(account, *people(2))

    assert talk.settled == [("failed", "timeout")] * 2
    assert [request.repeatable for request in talk.requests if request.method == "POST"] == [True]


def test_a_job_that_never_ends_leaves_its_records_unknown_and_its_memory_in_place() -> None:
    account = Account(polls_to_end=10**6)

    talk = upsert(account, *people(2))

    assert talk.settled == [("unknown", "job_unfinished")] * 2
    assert talk.memories[-1] != {}
    assert 3600 <= sum(talk.waits) < 3700


def test_records_of_an_unfinished_job_are_asked_for_again_and_not_sent_again() -> None:
    account = Account(polls_to_end=130)
    before = upsert(account, *people(2))

    after = carry_out("upsert_customer", batch_of(*people(2), memory=before.memories[-1]), account)

    assert before.settled == [("unknown", "job_unfinished")] * 2
    assert (after.settled, after.written) == ([SUCCEEDED] * 2, [])


@pytest.mark.parametrize(
    ("position", "asked"),
    [(0, 0), (2, 1)],
    ids=["one that was in no job", "one that was in the job"],
)
def test_of_a_batch_that_remembers_a_part_may_be_sent_again(position: int, asked: int) -> None:
    # As with --retry: rows that failed in a batch of which others are still unknown.
    account = Account(polls_to_end=130)
    account.watch = lambda request: LOST if request.path.endswith("c-0") else None
    before = upsert(account, *people(4))
    account.watch = lambda _request: None
    batch = batch_of(*people(4), memory=before.memories[-1]).part(position, position + 1)

    after = carry_out("upsert_customer", batch, account)

    assert before.settled == [("failed", "timeout"), *[("unknown", "job_unfinished")] * 3]
    assert after.settled == [SUCCEEDED]
    assert len({path for path in after.paths if path.endswith("/batches")}) == asked


def test_questions_without_an_answer_end_in_unknown() -> None:
    account = Account()
    account.watch = lambda request: LOST if request.path.startswith("/bulk/") else None

    assert upsert(account, *people(2)).settled == [("unknown", "timeout")] * 2


def test_a_job_the_account_has_forgotten_is_settled_by_reading_back() -> None:
    account = Account()
    for record in people(2):
        account.add(externalId=record["externalId"], emails=[{"email": record["email"]}], name=record["name"])
    memory = {"jobs": [{"id": "gone", "creates": True, "rows": [1, 2, 3], "doubtful": False}]}

    talk = carry_out("upsert_customer", batch_of(*people(3), memory=memory), account)

    assert talk.settled == [READ_BACK, READ_BACK, ("failed", "unanswered")]


@pytest.mark.parametrize("operation", ["upsert_customer", "create_customer", "update_customer"])
@pytest.mark.parametrize("in_job", [[1, 2], [1]])
def test_of_somebody_whose_contact_is_gone_the_remembered_job_is_read_and_nothing_is_sent(
    operation: str, in_job: list[int]
) -> None:
    account = Account()
    for record in people(1):
        account.add(externalId=record["externalId"], emails=[{"email": record["email"]}], name=record["name"])
    memory = {"jobs": [{"id": "gone", "creates": False, "rows": in_job, "doubtful": False}]}

    talk = carry_out(operation, batch_of(people(1)[0], {}, memory=memory), account)

    left = ("failed", "unanswered") if 2 in in_job else ("skipped", "not_found")
    assert (talk.settled, talk.written) == ([READ_BACK, left], [])
    assert len(account.customers) == 1


def test_somebody_whose_contact_is_gone_is_not_written_alone_when_the_remembered_job_refused_them() -> None:
    def refused(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [results[0], {"_clientRef": "2", "status": "error", "error": {"code": "duplicate"}}]

    account = Account()

    def crash(request: Request) -> Reply | None:
        if request.path.startswith("/bulk/"):
            raise Crashed
        return None

    account.watch = crash
    before = upsert(account, *people(2))
    account.watch, account.mend = (lambda _request: None), refused

    after = carry_out("upsert_customer", batch_of(people(1)[0], {}, memory=before.memories[-1]), account)

    assert (after.settled, after.written) == ([SUCCEEDED, ("skipped", "not_found")], [])


def test_a_2xx_without_a_job_is_settled_by_reading_back() -> None:
    account = Account()
    account.watch = lambda request: answer({"data": {}}, 201) if request.method == "POST" else None

    assert upsert(account, *people(2)).settled == [("failed", "unanswered")] * 2


def test_a_record_without_a_result_is_read_back() -> None:
    account = Account(mend=lambda results: [one for one in results if one["_clientRef"] != "2"])

    talk = upsert(account, *people(3))

    assert talk.settled == [SUCCEEDED, READ_BACK, SUCCEEDED]


def test_a_record_with_two_results_is_read_back() -> None:
    account = Account(mend=lambda results: [*results, {"_clientRef": "2", "status": "error", "error": "x"}])

    assert upsert(account, *people(3)).settled == [SUCCEEDED, READ_BACK, SUCCEEDED]


def test_results_of_records_that_were_not_sent_are_of_no_account() -> None:
    account = Account(mend=lambda results: [*results, {"_clientRef": "77", "status": "error", "error": "x"}])

    assert upsert(account, *people(2)).settled == [SUCCEEDED] * 2


def test_a_complete_job_is_not_a_success_of_its_records() -> None:
    def refuse(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{"_clientRef": one["_clientRef"], "status": "error", "error": "bad phone"} for one in results]

    talk = upsert(Account(mend=refuse), *people(2))

    said = Verdict(Status.FAILED, "refused", 200, error_message="bad phone", request_id="req-1")
    assert talk.verdicts == {0: said, 1: said}


def test_a_submission_is_cut_where_a_request_would_be_too_long() -> None:
    records = [record | {"custom": {"noteTxt": "x" * 30_000}} for record in people(5)]

    talk = upsert(Account(), *records)

    submitted = [request for request in talk.requests if request.path == "/customers/bulk"]
    assert talk.settled == [SUCCEEDED] * 5
    assert [len(orjson.loads(request.body or b"")) for request in submitted] == [3, 2]
    assert all(len(request.body or b"") <= 100_000 for request in submitted)


def test_a_list_that_bulk_updates_do_not_know_is_written_alone() -> None:
    account = Account()
    account.add(externalId="c-0")
    account.add(externalId="c-1")
    account.add(externalId="c-2")
    records = people(3)
    records[1]["whatsapps"] = [{"phone": "+390612345678"}]

    talk = upsert(account, *records)

    assert talk.written == ["PUT /customers/bulk", f"PATCH /customers/{2:024x}"]
    assert talk.settled == [SUCCEEDED] * 3


def test_a_record_without_any_identifier_is_never_sent() -> None:
    talk = upsert(Account(), {"name": "Nobody"}, *people(1), {"emails": []})

    assert talk.settled == [("rejected", "missing_field"), SUCCEEDED, ("rejected", "missing_field")]


def test_an_email_given_twice_is_sent_once_with_what_is_said_of_it() -> None:
    account = Account()
    given_twice = {"email": "A@example.com", "emails": [{"email": "a@example.com", "type": "home"}]}

    upsert(account, given_twice, settings=KustomerSettings(email_type="work"))

    assert account.customers[f"{1:024x}"]["emails"] == [{"email": "a@example.com", "type": "home"}]


def test_a_contact_point_gets_the_type_the_settings_give_it() -> None:
    account = Account()
    kinds = KustomerSettings(email_type="work", phone_type="mobile")

    upsert(account, {"email": "a@example.com", "phone": "+390612345678"}, settings=kinds)

    shown = account.customers[f"{1:024x}"]
    assert shown["emails"] == [{"email": "a@example.com", "type": "work"}]
    assert shown["phones"] == [{"phone": "+390612345678", "type": "mobile"}]


RESULTS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "_clientRef": st.sampled_from(["1", "2", "3", "4", "9", "", 2, None]),
            "status": st.sampled_from(["created", "updated", "error", "odd", None]),
            "objectId": st.sampled_from(["5f0000000000000000000001", None]),
            "error": st.sampled_from(
                [
                    "duplicate detected",
                    "optimistic lock",
                    "bad",
                    {"message": "no"},
                    ["a", {"code": "b"}],
                    None,
                ]
            ),
        },
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=150)
@given(RESULTS, st.sampled_from(["upsert_customer", "create_customer", "update_customer"]), st.booleans())
def test_whatever_the_results_every_record_is_settled_exactly_once(
    results: list[dict[str, Any]],
    operation: str,
    known: bool,  # noqa: FBT001 - drawn
) -> None:
    account = Account(mend=lambda _results: results)
    if known:
        for at in range(4):
            account.add(externalId=f"c-{at}")

    talk = carry_out(operation, batch_of(*people(4)), account)

    assert talk.times == dict.fromkeys(range(4), 1)


BODIES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["complete", "bulk", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["data", "id", "attributes", "results", "status", "errors", "emails", "custom"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
REPLIES = (
    st.builds(answer, BODIES, st.sampled_from([200, 201, 204, 400, 404, 409, 413]))
    | st.just(LOST)
    | st.just(Lost("connection", "refused", processed=False))
)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(REPLIES, min_size=1, max_size=8),
    st.sampled_from(sorted(KUSTOMER.operations.keys() - {"merge_customers"})),
    st.integers(1, 3),
)
def test_whatever_the_answers_a_conversation_ends_with_every_record_settled_or_the_batch_split(
    replies: list[Reply], operation: str, size: int
) -> None:
    asked: list[Request] = []

    def server(request: Request) -> Reply:
        asked.append(request)
        return replies[(len(asked) - 1) % len(replies)]

    single = KUSTOMER.operations[operation].batching is None
    batch = batch_of(*({**one, "custom": {"aStr": "b"}} for one in people(1 if single else size)))
    quick = KustomerSettings(patience=30.0)

    talk = carry_out(operation, batch, server, settings=quick)

    if talk.split is None:
        assert talk.times == dict.fromkeys(range(len(batch)), 1)
    else:
        assert (talk.times, len(batch) > 1) == ({}, True)


def test_confirm_says_what_the_account_shows_otherwise() -> None:
    account = Account()
    account.add(externalId="c-0", emails=[{"email": "P0@example.com"}], name="Other", custom={"aNum": 1.0})
    batch = batch_of(people(1)[0] | {"custom": {"aNum": 1, "atAt": "2026-01-01T00:00:00Z"}})

    talk = _confirm(batch, account)

    assert talk.settled == [("failed", "no_effect")]
    assert talk.verdicts[0].error_message == "the account shows another value for name, custom.atAt"


def test_confirm_agrees_with_what_was_sent() -> None:
    account = Account()
    account.add(
        externalId="c-0",
        emails=[{"email": "P0@example.com"}],
        name="P0",
        custom={"atAt": "2026-01-01T00:00:00.000Z", "onBool": False},
    )
    batch = batch_of(people(1)[0] | {"custom": {"atAt": "2026-01-01T01:00:00+01:00", "onBool": False}})

    assert _confirm(batch, account).settled == [READ_BACK]


def test_confirm_finds_nobody() -> None:
    assert _confirm(batch_of(people(1)[0]), Account()).settled == [("failed", "no_effect")]


def _confirm(batch: Batch, account: Account) -> KustomerTalk:
    from kustomer_talk import converse  # noqa: PLC0415 - used here alone

    confirm = KUSTOMER.operations["upsert_customer"].confirm
    assert confirm is not None
    return converse(confirm(batch, Terms(KustomerSettings())), account)
