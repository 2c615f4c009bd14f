from typing import Any

import pytest
from conversing import LOST, answer
from kustomer_talk import NO_SUCH, Account, Crashed, KustomerTalk, batch_of, carry_out, refusal

from bulk.conversation import Lost, Reply, Request, Response
from bulk.destinations.kustomer.settings import KustomerSettings

SUCCEEDED = ("succeeded", "")
READ_BACK = ("succeeded", "read_back")
NOT_FOUND = ("skipped", "not_found")
DUPLICATE = ("failed", "duplicate")
CONFLICT = ("failed", "identity_conflict")
AMBIGUOUS = ("failed", "ambiguous")
UNREACHED = Lost("connection", "refused", processed=False)

ONE, TWO = f"{1:024x}", f"{2:024x}"


def people(count: int) -> list[dict[str, Any]]:
    return [{"externalId": f"c-{at}", "name": f"P{at}"} for at in range(count)]


def once(condition: str, reply: Reply | None, account: Account, *, processed: bool = False) -> None:
    """Answer the first request of a method otherwise; if ``processed``, the account does its work."""

    def watch(request: Request) -> Reply | None:
        if request.method != condition:
            return None
        account.watch = lambda _request: None
        if processed:
            account(request)
        return reply

    account.watch = watch


# create_customer


def test_creating_looks_nobody_up() -> None:
    talk = carry_out("create_customer", batch_of(*people(3)), Account())

    assert talk.settled == [SUCCEEDED] * 3
    assert talk.paths[:2] == ["POST /customers/bulk", f"GET /bulk/{ONE}"]


def test_somebody_who_exists_already_is_a_duplicate() -> None:
    account = Account()
    account.add(externalId="c-1", name="P1")

    together = carry_out("create_customer", batch_of(*people(3)), account)
    alone = carry_out("create_customer", batch_of(people(2)[1]), account)

    assert (together.settled, alone.settled) == ([SUCCEEDED, DUPLICATE, SUCCEEDED], [DUPLICATE])


def test_a_creating_request_is_never_repeated_blindly() -> None:
    together = carry_out("create_customer", batch_of(*people(2)), Account())
    alone = carry_out("create_customer", batch_of(*people(1)), Account())

    assert [request.repeatable for request in (together.requests[0], alone.requests[0])] == [False, False]


def test_after_a_lost_answer_what_cannot_be_created_twice_is_submitted_again_and_told_from_others() -> None:
    account = Account()
    account.add(externalId="c-2", name="somebody else")

    def lose(request: Request) -> Reply | None:
        """Lose the answer to the first job, which is worked off all the same."""
        account.watch = lambda _request: None
        account(request)
        account(Request("GET", f"/bulk/{ONE}"))
        return LOST

    account.watch = lose
    talk = carry_out("create_customer", batch_of(*people(3)), account)

    assert talk.settled == [READ_BACK, READ_BACK, DUPLICATE]
    assert talk.written == ["POST /customers/bulk"] * 2


def test_after_a_lost_answer_records_without_identifiers_are_unknown() -> None:
    account = Account()
    once("POST", LOST, account)

    talk = carry_out("create_customer", batch_of({"name": "A"}, *people(3)[1:], {"name": "B"}), account)

    assert talk.settled == [("unknown", "timeout"), SUCCEEDED, SUCCEEDED, ("unknown", "timeout")]


def test_two_lost_answers_leave_what_is_not_shown_unknown() -> None:
    account = Account()
    account.watch = lambda request: LOST if request.method == "POST" else None

    talk = carry_out("create_customer", batch_of(*people(2)), account)

    assert talk.settled == [("unknown", "timeout")] * 2
    assert len(talk.written) == 2


def test_a_submission_that_was_not_processed_is_failed() -> None:
    account = Account()
    account.watch = lambda request: UNREACHED if request.method == "POST" else None

    talk = carry_out("create_customer", batch_of(*people(2)), account)

    assert talk.settled == [("failed", "connection")] * 2


def test_a_single_record_whose_answer_was_lost_is_read_back() -> None:
    account = Account()
    once("POST", LOST, account, processed=True)

    talk = carry_out("create_customer", batch_of(*people(1)), account)

    assert talk.settled == [READ_BACK]
    assert talk.verdicts[0].object_id in account.customers


def test_a_single_nameless_record_whose_answer_was_lost_is_unknown() -> None:
    account = Account()
    once("POST", LOST, account)

    talk = carry_out("create_customer", batch_of({"name": "A"}), account)

    assert talk.settled == [("unknown", "timeout")]


def test_what_an_earlier_run_may_have_created_is_sent_again_only_with_an_identifier() -> None:
    account = Account()
    account.add(externalId="c-1", name="P1")
    batch = batch_of({"name": "A"}, *people(3)[1:], attempted=True)

    talk = carry_out("create_customer", batch, account)

    assert talk.settled == [("unknown", "interrupted"), READ_BACK, SUCCEEDED]


def test_a_creating_job_is_taken_up_again_after_a_crash() -> None:
    account = Account()

    def crash(request: Request) -> Reply | None:
        if request.path.startswith("/bulk/"):
            raise Crashed
        return None

    account.watch = crash
    before = carry_out("create_customer", batch_of({"name": "A"}, {"name": "B"}), account)
    account.watch = lambda _request: None
    batch = batch_of({"name": "A"}, {"name": "B"}, memory=before.memories[-1], attempted=True)
    after = carry_out("create_customer", batch, account)

    assert (after.settled, after.written, len(account.customers)) == ([SUCCEEDED] * 2, [], 2)


def test_a_nameless_record_without_a_result_is_unknown() -> None:
    account = Account(mend=lambda _results: [])

    talk = carry_out("create_customer", batch_of({"name": "A"}, *people(1)), account)

    assert talk.settled == [("unknown", "unanswered"), READ_BACK]


# update_customer


def test_updating_goes_by_id_and_by_identifier_and_skips_the_unknown() -> None:
    account = Account()
    for record in people(2):
        account.add(externalId=record["externalId"], name="old")

    records = [{"id": ONE, "name": "A"}, {"externalId": "c-1", "name": "B"}, {"externalId": "c-7"}]
    talk = carry_out("update_customer", batch_of(*records), account)

    assert talk.settled == [SUCCEEDED, SUCCEEDED, NOT_FOUND]
    assert talk.written == ["PUT /customers/bulk"]
    assert [shown["name"] for shown in account.customers.values()] == ["A", "B"]


def test_a_single_update_of_somebody_unknown_is_skipped() -> None:
    talk = carry_out("update_customer", batch_of({"id": ONE, "name": "A"}), Account())

    assert (talk.settled, talk.paths) == ([NOT_FOUND], [f"GET /customers/{ONE}"])


def test_somebody_deleted_before_the_update_arrives_is_not_found() -> None:
    account = Account()
    account.add(externalId="c-0")

    def vanish(request: Request) -> Reply | None:
        if request.method == "PATCH":
            account.customers.clear()
        return None

    account.watch = vanish
    talk = carry_out("update_customer", batch_of(*people(1)), account)

    assert talk.settled == [NOT_FOUND]


def test_an_id_whose_customer_has_another_external_id_is_a_conflict() -> None:
    account = Account()
    account.add(externalId="c-9")

    talk = carry_out("update_customer", batch_of({"id": ONE, "externalId": "c-0"}), account)

    assert (talk.settled, talk.written) == ([CONFLICT], [])


# delete_customer


def delete(account: Account, record: dict[str, Any], **more: Any) -> KustomerTalk:
    return carry_out("delete_customer", batch_of(record, **more), account)


def two_customers() -> Account:
    account = Account()
    account.add(externalId="c-0", emails=[{"email": "a@example.com"}], phones=[{"phone": "+390612345678"}])
    account.add(externalId="c-1", emails=[{"email": "b@example.com"}])
    return account


def test_an_id_is_deleted_without_looking_up() -> None:
    account = two_customers()

    talk = delete(account, {"id": ONE})

    assert (talk.settled, talk.paths) == ([SUCCEEDED], [f"DELETE /customers/{ONE}"])
    assert talk.requests[0].irreversible
    assert list(account.customers) == [TWO]


@pytest.mark.parametrize(
    "record",
    [{"externalId": "c-0"}, {"email": "a@example.com"}, {"externalId": "c-0", "email": "A@Example.com"}],
)
def test_somebody_is_looked_up_and_then_deleted_by_id(record: dict[str, Any]) -> None:
    account = two_customers()

    talk = delete(account, record)

    assert talk.settled == [SUCCEEDED]
    assert (talk.written, talk.verdicts[0].object_id) == ([f"DELETE /customers/{ONE}"], ONE)


@pytest.mark.parametrize(
    "record",
    [
        {"externalId": "c-0", "email": "b@example.com"},
        {"externalId": "c-0", "email": "unheard@example.com"},
        {"id": ONE, "email": "b@example.com"},
        {"id": ONE, "externalId": "c-1"},
        {"externalId": "unheard", "email": "a@example.com"},
    ],
)
def test_nobody_is_deleted_whose_identifiers_contradict_each_other(record: dict[str, Any]) -> None:
    account = two_customers()

    talk = delete(account, record)

    assert (talk.settled, talk.written, len(account.customers)) == ([CONFLICT], [], 2)


def test_somebody_who_was_merged_into_another_does_not_have_the_other_deleted() -> None:
    account = Account()
    survivor = account.add(externalId="c-5", externalIds=[{"externalId": "c-5"}, {"externalId": "c-0"}])

    talk = delete(account, {"externalId": "c-0"})

    assert (talk.settled, list(account.customers)) == ([CONFLICT], [survivor])
    assert delete(account, {"externalId": "c-5"}).settled == [SUCCEEDED]


def test_a_phone_alone_never_selects_whom_to_delete() -> None:
    account = two_customers()

    known, unknown = delete(account, {"phone": "+390612345678"}), delete(account, {"phone": "+390600000000"})

    assert (known.settled, unknown.settled) == ([AMBIGUOUS], [NOT_FOUND])
    assert (known.written, unknown.written) == ([], [])


def test_a_phone_beside_an_unknown_email_selects_nobody() -> None:
    account = two_customers()

    talk = delete(account, {"email": "unheard@example.com", "phone": "+390612345678"})

    assert (talk.settled, talk.written) == ([CONFLICT], [])


def test_a_shared_address_alone_never_selects_whom_to_delete() -> None:
    account = Account()
    account.add(sharedEmails=[{"email": "family@example.com"}])

    assert delete(account, {"email": "family@example.com"}).settled == [AMBIGUOUS]


def test_somebody_unknown_is_not_found_unless_an_earlier_run_may_have_deleted_them() -> None:
    by_id, by_email = {"id": ONE}, {"email": "a@example.com"}

    fresh = [delete(Account(), record).settled for record in (by_id, by_email)]
    resumed = [delete(Account(), record, attempted=True).settled for record in (by_id, by_email)]

    assert fresh == [[NOT_FOUND]] * 2
    assert resumed == [[("succeeded", "gone")]] * 2


def test_a_404_to_a_repeated_deletion_means_that_the_first_one_took_effect() -> None:
    account = two_customers()
    gone = Response(404, body=NO_SUCH.body, repeated=True)
    account.watch = lambda request: gone if request.method == "DELETE" else None

    assert delete(account, {"id": ONE}).settled == [("succeeded", "gone")]


def test_a_lost_deletion_is_failed_and_may_be_sent_again() -> None:
    account = two_customers()
    account.watch = lambda request: LOST if request.method == "DELETE" else None

    assert delete(account, {"id": ONE}).settled == [("failed", "timeout")]


# unsubscribe_customer


def unsubscribe(account: Account, record: dict[str, Any]) -> KustomerTalk:
    return carry_out("unsubscribe_customer", batch_of(record), account)


OPTED_OUT = {"custom": {"marketingOptInBool": False}}


def test_what_stands_for_unsubscribing_is_set_and_read_back() -> None:
    account = Account()
    number = account.add(
        externalId="c-0", custom={"marketingOptInBool": True}, tags=["vip"], company="x" * 24
    )

    talk = unsubscribe(account, {"externalId": "c-0", **OPTED_OUT, "tags": ["unsubscribed"]})

    assert talk.settled == [SUCCEEDED]
    assert talk.paths == ["GET /customers/externalId=c-0", f"PATCH /customers/{ONE}", f"GET /customers/{ONE}"]
    assert talk.bodies("PATCH", f"/customers/{ONE}") == [
        {**OPTED_OUT, "tags": ["vip", "unsubscribed"], "company": "x" * 24, "rev": 1}
    ]
    assert account.companies[number] == "x" * 24


def test_somebody_unsubscribed_already_is_left_alone() -> None:
    account = Account()
    account.add(externalId="c-0", **OPTED_OUT, tags=["unsubscribed"])

    talk = unsubscribe(account, {"externalId": "c-0", **OPTED_OUT, "tags": ["unsubscribed"]})

    assert (talk.settled, talk.written) == ([("succeeded", "already")], [])


def test_an_attribute_that_was_never_set_is_not_taken_for_false() -> None:
    account = Account()
    account.add(externalId="c-0")

    talk = unsubscribe(account, {"externalId": "c-0", **OPTED_OUT})

    assert (talk.settled, len(talk.written)) == ([SUCCEEDED], 1)


def test_an_accepted_request_without_effect_is_failed() -> None:
    account = Account()
    account.add(externalId="c-0", custom={"marketingOptInBool": True})
    account.watch = lambda request: answer({"data": {"id": ONE}}) if request.method == "PATCH" else None

    by_custom = unsubscribe(account, {"externalId": "c-0", **OPTED_OUT})
    by_tag = unsubscribe(account, {"externalId": "c-0", "tags": ["unsubscribed"]})

    assert by_custom.settled == by_tag.settled == [("failed", "no_effect")]
    assert "custom.marketingOptInBool" in by_custom.verdicts[0].error_message


def test_a_hidden_attribute_is_no_proof_of_having_unsubscribed() -> None:
    account = Account()
    account.add(externalId="c-0", custom={"marketingOptInBool": "****"})
    account.watch = lambda request: answer({"data": {"id": ONE}}) if request.method == "PATCH" else None

    talk = unsubscribe(account, {"externalId": "c-0", **OPTED_OUT})

    assert (talk.settled, len(talk.written)) == ([("succeeded", "not_readable")], 1)


def test_a_tag_shown_as_an_id_counts_as_set_when_there_is_one_more() -> None:
    account = Account()
    account.add(externalId="c-0", tags=["5f0000000000000000000001"])

    def show_ids(request: Request) -> Reply | None:
        if request.method == "GET" and ONE in request.path:
            account.customers[ONE]["tags"] = ["5f0000000000000000000001", "5f0000000000000000000002"]
        return None

    account.watch = show_ids
    talk = unsubscribe(account, {"externalId": "c-0", "tags": ["unsubscribed"]})

    assert talk.settled == [SUCCEEDED]


def test_nobody_unknown_or_contradictory_is_unsubscribed() -> None:
    account = two_customers()

    unknown = unsubscribe(account, {"email": "unheard@example.com", **OPTED_OUT})
    contradictory = unsubscribe(account, {"externalId": "c-0", "email": "b@example.com", **OPTED_OUT})

    assert (unknown.settled, contradictory.settled) == ([NOT_FOUND], [CONFLICT])
    assert (unknown.written, contradictory.written) == ([], [])


def test_an_edit_made_meanwhile_is_read_and_kept() -> None:
    account = Account()
    account.add(externalId="c-0", tags=["old"])

    def edit(request: Request) -> Reply | None:
        if request.method == "PATCH":
            account.watch = lambda _request: None
            account.customers[ONE].update(tags=["old", "edited"], rev=2)
        return None

    account.watch = edit
    talk = unsubscribe(account, {"externalId": "c-0", "tags": ["unsubscribed"]})

    assert talk.settled == [SUCCEEDED]
    assert account.customers[ONE]["tags"] == ["old", "edited", "unsubscribed"]


def test_a_record_with_nothing_to_set_is_never_told_to_be_unsubscribed() -> None:
    talk = unsubscribe(two_customers(), {"externalId": "c-0"})

    assert (talk.settled, talk.paths) == ([("rejected", "missing_field")], [])


# merge_customers


def merge(server: Any, *, source: str = ONE, target: str = TWO, **more: Any) -> KustomerTalk:
    return carry_out("merge_customers", batch_of({"source": source, "target": target}, **more), server)


def merging(*statuses: str) -> Any:
    """Answer as an account does that goes through these statuses."""
    left = list(statuses)

    def server(request: Request) -> Reply:
        status = left.pop(0) if len(left) > 1 else left[0]
        shown = {"data": {"id": "m-1", "attributes": {"status": status}}}
        return answer(shown, 201 if request.method == "POST" else 200)

    return server


def test_a_merge_is_remembered_and_asked_for_until_it_has_ended() -> None:
    talk = merge(merging("queued", "running", "success"))

    assert talk.settled == [SUCCEEDED]
    assert talk.bodies("POST", "/customers/merges") == [{"source": ONE, "target": TWO}]
    assert (talk.memories, talk.waits) == ([{"merge": "m-1"}], [1.0, 2.0])
    assert talk.paths[1:] == ["GET /customers/merges/m-1"] * 2


def test_a_merge_is_sent_as_what_it_is() -> None:
    request = merge(merging("success")).requests[0]

    assert (request.repeatable, request.irreversible) == (False, True)


def test_a_merge_that_fails_is_failed() -> None:
    assert merge(merging("queued", "failed")).settled == [("failed", "refused")]


def test_a_refused_merge_is_failed() -> None:
    assert merge(lambda _request: refusal("no such customer")).settled == [("failed", "refused")]


def test_a_merge_whose_answer_was_lost_is_unknown() -> None:
    talk = merge(lambda _request: LOST)

    assert (talk.settled, len(talk.requests)) == ([("unknown", "timeout")], 1)


def test_a_merge_that_never_ends_is_unknown() -> None:
    assert merge(merging("running")).settled == [("unknown", "merge_unfinished")]


def test_a_remembered_merge_is_asked_for_and_never_sent_again() -> None:
    talk = merge(merging("success"), memory={"merge": "m-1"}, attempted=True)

    assert (talk.settled, talk.written) == ([SUCCEEDED], [])


def test_a_merge_that_may_have_been_sent_is_never_sent_again() -> None:
    talk = merge(merging("success"), attempted=True)

    assert (talk.settled, talk.paths) == ([("unknown", "interrupted")], [])


def test_nobody_is_merged_into_themselves() -> None:
    talk = merge(merging("success"), source="5F000000000000000000000A", target="5f000000000000000000000a")

    assert (talk.settled, talk.paths) == ([("rejected", "bad_value")], [])


# settings


@pytest.mark.parametrize("wrong", [{"poll_first": 0}, {"poll_longest": 0.5}, {"patience": 10}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"poll_|patience"):
        KustomerSettings(**wrong)  # type: ignore[arg-type]  # numbers all
