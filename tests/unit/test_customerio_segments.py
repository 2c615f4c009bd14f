import orjson
import polars as pl
import pytest
from conversing import LOST, answer
from customerio_talk import OK, OPERATIONS, batch, speak

from bulk.conversation import Response
from bulk.destinations.operation import Effect

TWO = [{"email": "a@example.com", "segment_id": "7"}, {"email": 'q"@example.com', "segment_id": "7"}]
REFUSED = ("failed", "refused")


def groups(*records: dict[str, str]) -> list[str | None]:
    batching = OPERATIONS["add_to_segment"].batching
    assert batching is not None
    assert batching.group is not None
    frame = batch("add_to_segment", *records).records.frame
    return frame.select(batching.group.alias("group"))["group"].to_list()


@pytest.mark.parametrize(("name", "verb"), [("add_to_segment", "add"), ("remove_from_segment", "remove")])
def test_people_of_one_segment_stand_in_one_list(name: str, verb: str) -> None:
    talk = speak(name, TWO, OK)

    assert talk.paths == [f"POST /api/v1/segments/7/{verb}_customers?id_type=email"]
    assert orjson.loads(talk.requests[0].body or b"") == {"ids": ["a@example.com", 'q"@example.com']}
    assert talk.settled == [("succeeded", "")] * 2


@pytest.mark.parametrize("kind", ["id", "email", "cio_id"])
def test_the_list_says_by_what_it_names_people(kind: str) -> None:
    talk = speak("add_to_segment", [{kind: "a", "segment_id": "7"}], OK)

    assert talk.paths == [f"POST /api/v1/segments/7/add_customers?id_type={kind}"]


def test_a_segment_is_percent_encoded_in_full() -> None:
    talk = speak("add_to_segment", [{"id": "a", "segment_id": "7/../8?x=1"}], OK)

    assert talk.paths == ["POST /api/v1/segments/7%2F..%2F8%3Fx%3D1/add_customers?id_type=id"]


def test_records_of_a_group_share_segment_and_kind_of_identifier() -> None:
    found = groups(
        {"id": "1", "email": "a@example.com", "segment_id": "7"},
        {"id": "2", "segment_id": "7"},
        {"email": "a@example.com", "segment_id": "7"},
        {"cio_id": "0a", "segment_id": "7"},
        {"id": "1", "segment_id": "70"},
    )

    assert found[0] == found[1]
    assert len(set(found)) == 4


def test_a_number_mapped_as_a_constant_makes_a_group_too() -> None:
    batching = OPERATIONS["add_to_segment"].batching
    assert batching is not None
    assert batching.group is not None

    found = pl.DataFrame({"segment_id": [7], "id": ["a"]}).select(batching.group.alias("group"))

    assert found["group"].to_list() == ["7 id"]


def test_records_of_two_segments_never_share_a_request() -> None:
    with pytest.raises(ValueError, match="too many values"):
        speak("add_to_segment", [TWO[0], {**TWO[1], "segment_id": "8"}], OK)


@pytest.mark.parametrize("body", [{"meta": {"error": "bad"}}, {"meta": {"errors": ["bad"]}}])
def test_a_refused_list_is_split_and_a_refused_record_failed(body: object) -> None:
    reply = answer(body, 400)
    single = speak("add_to_segment", TWO[:1], reply)

    assert speak("add_to_segment", TWO, reply).split is not None
    assert (single.settled, single.verdicts[0].error_message) == ([REFUSED], "bad")


def test_an_unknown_segment_fails_all_of_them_at_once() -> None:
    reply = answer({"meta": {"error": "segment not found"}}, 404)

    assert speak("add_to_segment", TWO, reply).settled == [REFUSED] * 2


def test_a_lost_list_is_failed_because_it_may_be_sent_again() -> None:
    assert speak("remove_from_segment", TWO, LOST).settled == [("failed", "timeout")] * 2
    assert speak("remove_from_segment", TWO, Response(200)).settled == [("succeeded", "")] * 2


def test_taking_out_of_a_segment_removes_but_can_be_undone() -> None:
    operation = OPERATIONS["remove_from_segment"]

    assert (operation.effect, operation.needs_approval, operation.adds) == (Effect.REMOVES, False, True)
