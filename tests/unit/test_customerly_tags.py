from typing import Any

import orjson
import pytest
from conversing import ABSENT, LOST, Talk, answer, drive, refused
from hypothesis import given
from hypothesis import strategies as st
from mapped_records import batch_of, batches_of, faults

from bulk.conversation import Reply, Response
from bulk.destinations.customerly.settings import CustomerlySettings
from bulk.destinations.customerly.system import CUSTOMERLY
from bulk.destinations.customerly.tagging import TagOptions
from bulk.destinations.operation import Terms

OPERATIONS = CUSTOMERLY.operations
DONE = answer({"data": []})
READ = TagOptions(read_back=True)
SUCCEEDED = ("succeeded", "")


def terms(options: TagOptions | None = None) -> Terms:
    return Terms(CustomerlySettings(), options or TagOptions())


def converse(
    operation: str, records: list[dict[str, Any]], *replies: Reply, options: TagOptions | None = None
) -> Talk:
    batch = batch_of(OPERATIONS[operation], terms(options), *records)
    return drive(OPERATIONS[operation].converse(batch, terms(options)), replies)


def body(talk: Talk) -> Any:
    return orjson.loads(talk.requests[0].body or b"")


def user(number: int, tag: str = "vip", **more: Any) -> dict[str, Any]:
    return {"tag": tag, "user_id": str(number), "email": f"u{number}@example.com", **more}


def shown(*tags: object) -> Response:
    return answer({"data": {"email": "u1@example.com", "user_tags": list(tags)}})


def test_a_batch_is_tagged_with_one_request_that_names_each_user_once() -> None:
    records = [user(1), {"tag": "vip", "email": "b+c@example.com"}]

    talk = converse("tag", records, DONE)

    assert talk.paths == ["POST /tags"]
    assert body(talk) == {"tag": "vip", "users": [{"user_id": "1"}, {"email": "b+c@example.com"}]}
    assert talk.settled == [SUCCEEDED] * 2


def test_leads_are_named_by_email_even_if_they_have_an_id() -> None:
    talk = converse("tag", [user(1)], DONE, options=TagOptions(contact="lead"))

    assert body(talk) == {"tag": "vip", "leads": [{"email": "u1@example.com"}]}


def test_untagging_says_so() -> None:
    assert body(converse("untag", [user(1)], DONE)) == {
        "tag": "vip",
        "untag": True,
        "users": [{"user_id": "1"}],
    }


def test_the_field_wins_over_the_option() -> None:
    talk = converse("tag", [user(1, contact="user")], DONE, options=TagOptions(contact="lead"))

    assert "users" in body(talk)


def test_only_records_of_one_tag_and_one_kind_share_a_request() -> None:
    records = [
        user(1),
        user(2),
        user(3, tag="new"),
        user(4, tag="new", contact="lead"),
        {"tag": "new", "contact": "lead", "user_id": "5"},
        {"tag": "new", "contact": "lead"},
    ]

    batches = batches_of(OPERATIONS["tag"], terms(), *records)

    assert [len(batch) for batch in batches] == [2, 1, 1, 1, 1]


TAGGED = st.fixed_dictionaries(
    {"tag": st.sampled_from(["a", "b c", 'q"uote', "users a"])},
    optional={
        "user_id": st.sampled_from(["1", "2"]),
        "email": st.sampled_from(["a@example.com", "b@example.com"]),
        "contact": st.sampled_from(["user", "lead"]),
    },
)


@given(st.lists(TAGGED, min_size=1, max_size=8), st.sampled_from(["user", "lead"]))
def test_every_request_tags_exactly_the_contacts_of_its_batch(
    records: list[dict[str, str]], contact: Any
) -> None:
    chosen = terms(TagOptions(contact=contact))
    kept = ("tag", "user_id", "email", "contact")
    full = [{name: record.get(name) for name in kept} for record in records]
    full[0] |= {"user_id": "1", "email": "a@example.com", "contact": "user"}
    sent: list[tuple[str, str, dict[str, str]]] = []
    rejected = bare = 0

    for batch in batches_of(OPERATIONS["tag"], chosen, *full):
        talk = drive(OPERATIONS["tag"].converse(batch, chosen), [DONE])
        rejected += talk.settled.count(("rejected", "missing_field"))
        bare += talk.settled.count(("succeeded", "no_contact"))
        for request in talk.requests:
            said = orjson.loads(request.body or b"")
            sent += [(said["tag"], kind, one) for kind in ("users", "leads") for one in said.get(kind, ())]

    expected: list[tuple[str, str, dict[str, str]]] = []
    nobody = nameless = 0
    for record in full:
        kind = record["contact"] or contact
        names = ("email",) if kind == "lead" else ("user_id", "email")
        name = next((name for name in names if record[name]), None)
        if name:
            expected.append((str(record["tag"]), f"{kind}s", {name: str(record[name])}))
        nobody += not record["user_id"] and not record["email"]
        nameless += name is None and bool(record["user_id"])
    assert (sent, bare, rejected) == (expected, nobody, nameless)


def test_a_record_without_a_contact_creates_the_tag() -> None:
    talk = converse("tag", [{"tag": "vip"}], DONE)

    assert (body(talk), talk.settled) == ({"tag": "vip"}, [("succeeded", "no_contact")])


def test_a_lead_without_an_email_is_rejected_and_nothing_is_sent() -> None:
    talk = converse("tag", [{"tag": "vip", "user_id": "1"}], options=TagOptions(contact="lead"))

    assert (talk.settled, talk.requests) == ([("rejected", "missing_field")], [])


def test_untagging_nobody_is_rejected_by_the_mapping() -> None:
    messages = faults(OPERATIONS["untag"], terms(), user(1), {"tag": "vip"})

    assert messages == [None, "needs one of user_id, email"]


def test_another_kind_of_contact_is_rejected_by_the_mapping() -> None:
    (message,) = faults(OPERATIONS["tag"], terms(), user(1, contact="customer"))

    assert message is not None
    assert "contact" in message


@pytest.mark.parametrize("reply", [refused("no", 400), refused("no", 200), ABSENT])
def test_a_refused_batch_is_split(reply: Response) -> None:
    talk = converse("tag", [user(1), user(2)], reply)

    assert (talk.split is not None, talk.verdicts) == (True, {})


@pytest.mark.parametrize(
    ("reply", "settled"),
    [
        (refused("no", 400), ("failed", "refused")),
        (ABSENT, ("skipped", "not_found")),
        (LOST, ("failed", "timeout")),
    ],
)
def test_one_record_is_settled_by_its_answer(reply: Reply, settled: tuple[str, str]) -> None:
    assert converse("tag", [user(1)], reply).settled == [settled]


@pytest.mark.parametrize("tag", ["vip", " VIP ", {"tag": "vip"}, {"name": "vip"}])
def test_a_tag_that_is_shown_counts_in_any_form(tag: object) -> None:
    talk = converse("tag", [user(1)], DONE, shown("other", tag), options=READ)

    assert talk.paths == ["POST /tags", "GET /users?user_id=1"]
    assert talk.settled == [("succeeded", "read_back")]


def test_leads_are_read_back_as_leads() -> None:
    options = TagOptions(contact="lead", read_back=True)

    talk = converse("tag", [user(1)], DONE, shown("vip"), options=options)

    assert talk.paths[1] == "GET /leads?email=u1%40example.com"


@pytest.mark.parametrize(
    ("operation", "reply", "settled"),
    [
        ("tag", shown("other"), ("failed", "no_effect")),
        ("tag", answer({"data": {"email": "u1@example.com"}}), ("failed", "no_effect")),
        ("untag", shown("vip"), ("failed", "no_effect")),
        ("untag", shown("other"), ("succeeded", "read_back")),
        ("untag", shown(), ("succeeded", "read_back")),
        ("tag", ABSENT, ("skipped", "not_found")),
        ("tag", refused("no", 403), ("failed", "refused")),
        ("tag", LOST, ("failed", "timeout")),
    ],
)
def test_a_contact_is_settled_by_what_is_read_back(
    operation: str, reply: Reply, settled: tuple[str, str]
) -> None:
    assert converse(operation, [user(1)], DONE, reply, options=READ).settled == [settled]


def test_every_contact_of_a_batch_is_read_back() -> None:
    talk = converse("tag", [user(1), user(2)], DONE, shown("vip"), ABSENT, options=READ)

    assert talk.settled == [("succeeded", "read_back"), ("skipped", "not_found")]
    assert talk.times == {0: 1, 1: 1}


@pytest.mark.parametrize(("options", "expected"), [(TagOptions(), (1, 0)), (READ, (1, 1))])
def test_the_preview_counts_what_is_read_back(options: TagOptions, expected: tuple[int, int]) -> None:
    tag = OPERATIONS["tag"]

    assert (tag.exchanges((), terms(options)), tag.exchanges_each((), terms(options))) == expected


def test_a_tag_is_deleted_with_a_body_and_can_never_come_back() -> None:
    talk = converse("delete_tag", [{"tag": "a/b"}], answer({}))

    assert talk.paths == ["DELETE /tags"]
    assert (body(talk), talk.requests[0].irreversible) == ({"tag": "a/b"}, True)
    assert talk.settled == [SUCCEEDED]


def test_a_tag_that_is_not_there_is_not_found_unless_an_earlier_try_deleted_it() -> None:
    missing = refused("Tag not found", 404)
    again = Response(404, {}, missing.body, repeated=True)

    assert converse("delete_tag", [{"tag": "a"}], missing).settled == [("skipped", "not_found")]
    assert converse("delete_tag", [{"tag": "a"}], again).settled == [("succeeded", "gone")]
