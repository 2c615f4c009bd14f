from typing import Any

import orjson
import pytest
from conversing import LOST, answer
from customerio_talk import OK, OPERATIONS, error, errors, people, speak
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from bulk.conversation import Lost, Meaning, Response
from bulk.destinations.customerio.answers import read
from bulk.destinations.customerio.batches import BATCHING, request_of

SUCCEEDED = ("succeeded", "")
REFUSED = ("failed", "refused")
DOUBTFUL = ("unknown", "unnamed_refusal")
MERGES = [{"primary": {"id": f"a{at}"}, "secondary": {"id": f"b{at}"}} for at in range(3)]
BATCHED = sorted(
    name
    for name in OPERATIONS
    if not name.endswith("_segment") and name not in {"unsubscribe_person", "erase_person"}
)
RECORDS: dict[str, list[dict[str, Any]]] = {
    "track_event": [{"id": f"{at}", "name": "bought"} for at in range(3)],
    "merge_people": MERGES,
    "add_device": [{"id": f"{at}", "device": {"token": "t", "platform": "ios"}} for at in range(3)],
    "delete_device": [{"id": f"{at}", "device": {"token": "t"}} for at in range(3)],
}


def three(name: str) -> list[dict[str, Any]]:
    return RECORDS.get(name, people(3))


@pytest.mark.parametrize("name", BATCHED)
def test_an_accepted_batch_is_one_request_that_settles_every_record(name: str) -> None:
    talk = speak(name, three(name), OK)

    assert talk.paths == ["POST /api/v2/batch"]
    assert len(orjson.loads(talk.requests[0].body or b"")["batch"]) == 3
    assert talk.settled == [SUCCEEDED] * 3


@pytest.mark.parametrize("name", BATCHED)
def test_a_request_says_of_itself_what_its_operation_says(name: str) -> None:
    operation = OPERATIONS[name]

    request = speak(name, three(name), OK).requests[0]

    assert (request.repeatable, request.irreversible) == (operation.repeatable, operation.irreversible)


def test_what_can_never_be_undone_needs_approval_and_so_does_lifting_a_suppression() -> None:
    asking = {name for name, operation in OPERATIONS.items() if operation.needs_approval}

    assert asking == {
        "delete_person",
        "erase_person",
        "suppress_person",
        "unsuppress_person",
        "merge_people",
        "delete_device",
    }


def test_of_a_207_the_named_records_are_failed_with_their_words_and_the_others_accepted() -> None:
    talk = speak("upsert_person", people(3), errors(error(1)))

    assert talk.settled == [SUCCEEDED, REFUSED, SUCCEEDED]
    assert talk.verdicts[1].error_message == "attributes.plan: value is too long"
    assert talk.verdicts[1].error_code == "invalid"


def test_errors_that_share_a_record_are_told_together() -> None:
    talk = speak("upsert_person", people(2), errors(error(1), error(1, field="id"), error(1)))

    assert talk.verdicts[1].error_message == "attributes.plan: value is too long; id: value is too long"


@pytest.mark.parametrize(
    ("element", "message"),
    [
        ({"batch_index": 0}, "refused without an explanation"),
        ({"batch_index": 0, "reason": "invalid"}, "invalid"),
        ({"batch_index": 0, "field": "id"}, "id"),
        ({"batch_index": 0, "reason": None, "field": 7, "message": ["x"]}, "refused without an explanation"),
        ({"batch_index": 0, "message": "a+b@example.com is taken"}, "… is taken"),
        ({"batch_index": 0, "message": "no such phone +391234567"}, "no such phone …"),
    ],
)
def test_an_error_may_lack_its_parts_and_never_repeats_an_address(
    element: dict[str, Any], message: str
) -> None:
    assert speak("upsert_person", people(2), errors(element)).verdicts[0].error_message == message


@pytest.mark.parametrize("reply", [OK, errors(), answer({"errors": []}), Response(200)])
def test_an_empty_list_of_errors_accepts_the_batch(reply: Response) -> None:
    assert speak("delete_person", people(2), reply).settled == [SUCCEEDED] * 2


NAMELESS = [error(3), error(-1), error(None), error(index=True), error("0"), "bad", {"message": "bad"}]


@pytest.mark.parametrize("element", NAMELESS)
def test_an_error_that_names_nobody_splits_a_batch_that_may_be_sent_again(element: object) -> None:
    talk = speak("upsert_person", people(3), errors(error(0), element))

    assert (talk.split is not None, talk.verdicts) == (True, {})


@pytest.mark.parametrize("element", NAMELESS)
def test_an_error_that_names_nobody_leaves_merges_unknown_but_for_the_named(element: object) -> None:
    talk = speak("merge_people", MERGES, errors(error(0), element))

    assert talk.settled == [REFUSED, DOUBTFUL, DOUBTFUL]


@pytest.mark.parametrize("name", ["upsert_person", "merge_people"])
@pytest.mark.parametrize("element", NAMELESS)
def test_of_a_single_record_every_error_speaks(name: str, element: object) -> None:
    assert speak(name, three(name)[:1], errors(element)).settled == [REFUSED]


@pytest.mark.parametrize(
    "reply", [Response(207), answer({}, 207), answer([], 207), answer({"errors": 1}, 207)]
)
def test_a_207_without_a_list_of_errors_does_not_count_as_accepted(reply: Response) -> None:
    assert speak("upsert_person", people(2), reply).split is not None
    assert speak("upsert_person", people(1), reply).settled == [REFUSED]


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize(
    "body",
    [
        {"errors": [{"reason": "invalid", "field": "batch", "message": "bad"}]},
        {"meta": {"error": "bad"}},
        {"meta": {"errors": ["bad"]}},
        {"errors": "bad"},
        {},
    ],
)
@pytest.mark.parametrize("name", ["upsert_person", "suppress_person", "merge_people"])
def test_a_refused_batch_is_split_and_a_refused_record_failed(name: str, body: object, status: int) -> None:
    reply = answer(body, status)

    assert speak(name, three(name), reply).split is not None
    assert speak(name, three(name)[:1], reply).settled == [REFUSED]


def test_a_400_that_names_every_record_is_believed() -> None:
    talk = speak("upsert_person", people(2), errors(error(0), error(1, message="bad"), status=400))

    assert talk.settled == [REFUSED] * 2
    assert talk.verdicts[1].error_message == "attributes.plan: bad"


def test_a_400_that_names_some_records_leaves_the_others_to_a_split_or_unknown() -> None:
    reply = errors(error(1), status=400)

    assert speak("delete_person", people(3), reply).split is not None
    assert speak("merge_people", MERGES, reply).settled == [DOUBTFUL, REFUSED, DOUBTFUL]


@pytest.mark.parametrize(
    ("name", "expected"), [("delete_person", ("failed", "timeout")), ("merge_people", ("unknown", "timeout"))]
)
def test_a_lost_batch_is_unknown_only_where_it_must_not_be_sent_again(
    name: str, expected: tuple[str, str]
) -> None:
    assert speak(name, three(name), LOST).settled == [expected] * 3


def test_a_merge_that_was_certainly_not_processed_is_failed() -> None:
    lost = Lost("connection", "no connection", processed=False)

    assert speak("merge_people", MERGES, lost).settled == [("failed", "connection")] * 3


SAME = {"primary": {"email": "A@Example.com"}, "secondary": {"email": "a@example.com"}}


def test_a_profile_is_never_merged_into_itself_and_the_others_keep_their_verdicts() -> None:
    talk = speak("merge_people", [SAME, *MERGES, SAME], errors(error(1)))

    assert len(orjson.loads(talk.requests[0].body or b"")["batch"]) == 3
    assert talk.settled == [
        ("rejected", "bad_value"),
        SUCCEEDED,
        REFUSED,
        SUCCEEDED,
        ("rejected", "bad_value"),
    ]


def test_merges_of_nothing_but_themselves_send_nothing() -> None:
    talk = speak("merge_people", [SAME, SAME], OK)

    assert (talk.requests, talk.settled) == ([], [("rejected", "bad_value")] * 2)


SCALARS = st.none() | st.booleans() | st.integers(-3, 8) | st.sampled_from(["", "0", "a@example.com"])
ELEMENT = st.fixed_dictionaries(
    {}, optional={"batch_index": SCALARS, "reason": SCALARS, "field": SCALARS, "message": SCALARS}
)
LISTED = st.lists(ELEMENT | SCALARS, max_size=6) | SCALARS | ELEMENT
BODY = SCALARS | st.fixed_dictionaries(
    {}, optional={"errors": LISTED, "meta": st.fixed_dictionaries({}, optional={"error": LISTED}) | SCALARS}
)
REPLY = st.builds(answer, BODY, st.sampled_from([200, 207, 207, 400, 404, 413, 500]))


@limits(max_examples=150, deadline=None)
@given(st.sampled_from(["upsert_person", "merge_people"]), st.integers(1, 5), REPLY)
def test_whatever_is_answered_every_record_is_settled_once_or_the_batch_is_split(
    name: str, size: int, reply: Response
) -> None:
    records = [*MERGES, SAME, *MERGES][:size] if name == "merge_people" else people(size)

    talk = speak(name, records, reply)

    split = talk.split is not None and not talk.verdicts and size > 1
    assert split or talk.times == dict.fromkeys(range(size), 1)


@given(st.lists(st.text(max_size=40), min_size=1, max_size=20))
def test_the_bytes_of_a_body_are_those_of_its_records_and_a_fixed_frame(words: list[str]) -> None:
    records = [orjson.dumps(word).decode() for word in words]
    body = request_of(records).body or b""

    assert BATCHING.max_bytes is not None
    assert len(body) - len(",".join(records).encode()) == 500_000 - BATCHING.max_bytes
    assert orjson.loads(body) == {"batch": words}


HTML = Response(404, {"content-type": "text/html"}, b"<!doctype html><title>Not found</title>")
BASIC = {"www-authenticate": 'Basic realm="Customer.io edge event collection"'}


@pytest.mark.parametrize(
    ("reply", "meaning", "word"),
    [
        (answer({"meta": {"error": "Unauthorized request"}}, 401), Meaning.STOP, "App API key"),
        (Response(401, BASIC, b"{}"), Meaning.STOP, "site ID"),
        (HTML, Meaning.STOP, "base_url"),
        (Response(404), Meaning.STOP, "base_url"),
        (Response(301, {"location": "https://track-eu.customer.io"}), Meaning.STOP, "track-eu.customer.io"),
        (Response(308), Meaning.STOP, "region"),
        (Response(200, {}, b"<html>"), Meaning.RETRY, "JSON"),
    ],
)
def test_what_concerns_the_whole_run_is_told_in_words(reply: Response, meaning: Meaning, word: str) -> None:
    reading = read(reply)

    assert reading is not None
    assert (reading.meaning, word in reading.why) == (meaning, True)


@pytest.mark.parametrize(
    "reply",
    [
        OK,
        errors(),
        answer({"errors": [{"detail": "not found"}]}, 404),
        Response(400),
        Response(429),
        Response(522),
    ],
)
def test_other_answers_mean_what_their_status_says(reply: Response) -> None:
    assert read(reply) is None
