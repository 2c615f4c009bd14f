"""Whom an erasure means: nobody is removed whose identifiers leave a doubt."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from conversing import LOST, answer
from hypothesis import given, settings
from hypothesis import strategies as st
from kustomer_talk import NO_SUCH, batch_of, converse, refusal
from kustomer_world import ERASE, World, removals, terms

from bulk.conversation import Reply, Request, Response, Verification
from bulk.destinations.kustomer.settings import KustomerSettings

PENDING = ("pending", "")
NOT_PRESENT = ("succeeded", "not_present")
CONFLICT = ("failed", "identity_conflict")
AMBIGUOUS = ("failed", "ambiguous")
ANN, BOB, NOBODY = f"{0x650000C0:08x}{1:016x}", f"{0x650000C0:08x}{2:016x}", "5f0000000000000000000009"
ANNS_PHONE, BOBS_PHONE = "+39061234567", "+39069999999"


def two_people(**behaviour: Any) -> World:
    world = World(**behaviour)
    ann = world.customer("ann", 1, externalId="a-1", phones=[{"phone": ANNS_PHONE}])
    bob = world.customer("bob", 1, externalId="b-1", phones=[{"phone": BOBS_PHONE}])
    assert (ann, bob) == (ANN, BOB)
    return world


@pytest.mark.parametrize(
    "record",
    [
        {"id": ANN},
        {"id": ANN.upper(), "email": "ann@example.com"},
        {"externalId": "a-1"},
        {"email": "Ann@Example.com"},
        {"email": "ann@example.com", "phone": ANNS_PHONE},
        {"email": "ann@example.com", "phone": "+39 06 555"},
        {"externalId": "a-1", "phone": "+39 06 555"},
        {"id": ANN, "externalId": "a-1", "email": "ann@example.com", "phone": ANNS_PHONE},
    ],
)
def test_somebody_whom_all_identifiers_mean_is_erased_and_nobody_else(record: dict[str, Any]) -> None:
    world = two_people()

    talk = world.erase(record)

    assert talk.settled == [PENDING]
    assert talk.verdicts[0].verification == Verification.PENDING
    assert (world.names, world.children_of(BOB)) == (
        ["bob"],
        {"messages": 1, "conversations": 1, "notes": 1, "drafts": 1},
    )


@pytest.mark.parametrize(
    "record",
    [
        {"externalId": "a-1", "email": "bob@example.com"},
        {"externalId": "a-1", "phone": BOBS_PHONE},
        {"email": "ann@example.com", "phone": BOBS_PHONE},
        {"id": ANN, "email": "bob@example.com"},
        {"id": ANN, "externalId": "b-1"},
        {"id": NOBODY, "email": "ann@example.com"},
        {"externalId": "unheard", "email": "ann@example.com"},
        {"externalId": "a-1", "email": "unheard@example.com"},
        {"id": ANN, "email": "unheard@example.com"},
        {"phone": ANNS_PHONE, "email": "unheard@example.com"},
        {"phone": ANNS_PHONE, "externalId": "unheard"},
    ],
)
def test_nobody_is_erased_whose_identifiers_contradict_each_other(record: dict[str, Any]) -> None:
    world = two_people()

    talk = world.erase(record)

    assert (talk.settled, removals(talk), world.names) == ([CONFLICT], [], ["ann", "bob"])
    assert talk.verdicts[0].ours
    assert "example.com" not in talk.verdicts[0].error_message


def test_a_phone_alone_never_selects_anybody() -> None:
    world = two_people()

    assert world.erase({"phone": ANNS_PHONE}).settled == [AMBIGUOUS]
    assert world.erase({"phone": "+39060000000"}).settled == [NOT_PRESENT]
    assert world.names == ["ann", "bob"]


@pytest.mark.parametrize("phones_by", ["e164", "digits"])
def test_a_phone_is_looked_up_in_every_form_it_may_be_known_by(phones_by: str) -> None:
    world = two_people(phones_by=phones_by)

    talk = world.erase({"email": "ann@example.com", "phone": BOBS_PHONE})

    assert talk.settled == [CONFLICT]
    assert talk.paths[1:] == ["GET /customers/phone=%2B39069999999", "GET /customers/phone=39069999999"]


def test_a_phone_whose_forms_name_two_people_selects_neither() -> None:
    world = World()
    shown = {
        f"/customers/phone={form}": world.customer(name) for form, name in (("%2B391", "a"), ("391", "b"))
    }
    world.watch = lambda request: (
        world.send(Request("GET", f"/customers/{shown[request.path]}")) if request.path in shown else None
    )

    talk = world.erase({"phone": "+391"})

    assert (talk.settled, talk.verdicts[0].error_message) == (
        [AMBIGUOUS],
        "several customers have this identifier",
    )


@pytest.mark.parametrize(
    ("record", "shown"),
    [
        ({"id": NOBODY}, f"/customers/{ANN}"),
        ({"email": "alias@example.com"}, f"/customers/{ANN}"),
        ({"externalId": "alias"}, f"/customers/{ANN}"),
        ({"externalId": "a-1", "email": "alias@example.com"}, f"/customers/{ANN}"),
    ],
)
def test_somebody_whom_the_account_shows_but_calls_otherwise_is_not_erased(
    record: dict[str, Any], shown: str
) -> None:
    world = two_people()
    world.watch = lambda request: (
        world.send(Request("GET", shown)) if "alias" in request.path or NOBODY in request.path else None
    )

    assert (world.erase(record).settled, world.names) == ([CONFLICT], ["ann", "bob"])


FAMILY: Mapping[str, Any] = {
    "sharedEmails": [{"email": "family@example.com"}],
    "sharedPhones": [{"phone": "+39060606060"}],
}


@pytest.mark.parametrize(
    ("record", "settled"),
    [
        ({"email": "family@example.com"}, AMBIGUOUS),
        ({"phone": "+39060606060"}, AMBIGUOUS),
        ({"email": "family@example.com", "phone": "+39060606060"}, AMBIGUOUS),
        ({"email": "family@example.com", "phone": "+39061"}, AMBIGUOUS),
        ({"externalId": "b-1", "email": "family@example.com"}, PENDING),
        ({"externalId": "b-1", "phone": "+39060606060"}, PENDING),
        ({"externalId": "c-1", "email": "family@example.com"}, CONFLICT),
        ({"externalId": "c-1", "phone": "+39060606060"}, CONFLICT),
    ],
)
def test_what_people_share_selects_nobody_and_contradicts_only_others(
    record: dict[str, Any], settled: tuple[str, str]
) -> None:
    world = World(lookup_shared=True)
    world.customer("ann", externalId="a-1", phones=[{"phone": "+39061"}], **FAMILY)
    world.customer("bob", externalId="b-1", **FAMILY)
    world.create("/customers", {"name": "carl", "externalId": "c-1"})

    talk = world.erase(record)

    assert talk.settled == [settled]
    assert world.names == (["ann", "carl"] if settled == PENDING else ["ann", "bob", "carl"])


def test_an_id_that_people_share_selects_nobody() -> None:
    world = World(lookup_shared=True)
    world.customer("ann", sharedExternalIds=[{"externalId": "household"}])

    assert world.erase({"externalId": "household"}).settled == [AMBIGUOUS]
    assert world.erase({"externalId": "household", "email": "ann@example.com"}).settled == [PENDING]


def test_somebody_into_whom_another_was_merged_is_not_erased_for_the_other() -> None:
    world = World()
    world.customer("ann", externalId="a-1", externalIds=[{"externalId": "a-1"}, {"externalId": "gone"}])

    assert world.erase({"externalId": "gone"}).settled == [CONFLICT]
    assert world.erase({"externalId": "gone", "email": "ann@example.com"}).settled == [CONFLICT]
    assert world.erase({"externalId": "a-1", "email": "ann@example.com"}).settled == [PENDING]


@pytest.mark.parametrize(
    ("masked", "record", "settled"),
    [
        ({"emails"}, {"externalId": "a-1"}, PENDING),
        ({"emails"}, {"email": "ann@example.com"}, PENDING),
        ({"emails", "sharedEmails"}, {"externalId": "a-1", "email": "ann@example.com"}, PENDING),
        ({"emails"}, {"externalId": "a-1", "email": "unheard@example.com"}, CONFLICT),
        ({"externalId", "externalIds"}, {"externalId": "a-1"}, PENDING),
        ({"externalId", "externalIds"}, {"externalId": "no", "email": "ann@example.com"}, CONFLICT),
        ({"emails", "sharedEmails"}, {"email": "ann@example.com"}, AMBIGUOUS),
    ],
)
def test_what_is_hidden_is_told_by_look_ups_or_not_at_all(
    masked: set[str], record: dict[str, Any], settled: tuple[str, str]
) -> None:
    world = World(masked=frozenset(masked))
    world.customer("ann", externalId="a-1", sharedEmails=[{"email": "family@example.com"}])

    assert world.erase(record).settled == [settled]


@pytest.mark.parametrize(
    ("masked", "email", "said"),
    [
        ({"emails", "sharedEmails"}, "ann@example.com", "this API key does not see whether several people"),
        (set(), "family@example.com", "one that several people share"),
    ],
)
def test_whether_people_share_something_or_that_is_hidden_is_told(
    masked: set[str], email: str, said: str
) -> None:
    world = World(masked=frozenset(masked), lookup_shared=True)
    world.customer("ann", sharedEmails=[{"email": "family@example.com"}])

    talk = world.erase({"email": email})

    assert talk.settled == [AMBIGUOUS]
    assert said in talk.verdicts[0].error_message


@pytest.mark.parametrize("reply", [LOST, refusal("no"), answer({"data": [{}]}), answer([]), Response(204)])
@pytest.mark.parametrize("at", range(4))
def test_nobody_is_erased_while_one_look_up_has_no_good_answer(reply: Reply, at: int) -> None:
    world = two_people()
    everything = {"id": ANN, "externalId": "a-1", "email": "ann@example.com", "phone": ANNS_PHONE}
    asked: list[Request] = []

    def fail_once(request: Request) -> Reply | None:
        asked.append(request)
        return reply if len(asked) == at + 1 else None

    world.watch = fail_once
    talk = world.erase(everything)

    assert (talk.settled[0][0], removals(talk), len(talk.requests)) == ("failed", [], at + 1)


@pytest.mark.parametrize(
    ("record", "settled", "left"),
    [
        ({"phone": ANNS_PHONE}, PENDING, ["bob"]),
        ({"externalId": "a-1", "email": "bob@example.com"}, PENDING, []),
        ({"externalId": "a-1", "email": "unheard@example.com"}, PENDING, ["bob"]),
        ({"email": "unheard@example.com"}, NOT_PRESENT, ["ann", "bob"]),
    ],
)
def test_all_matches_are_everybody_whom_an_identifier_names(
    record: dict[str, Any], settled: tuple[str, str], left: list[str]
) -> None:
    world = two_people()

    talk = world.erase(record, terms(matches="all"))

    assert (talk.settled, world.names) == ([settled], left)
    assert {one["name"].split()[0] for one in world.contents("conversations")} == set(left)


def test_all_matches_are_those_too_who_share_what_is_given() -> None:
    world = World(lookup_shared=True)
    world.customer("ann", **FAMILY)
    world.customer("bob")

    assert world.erase({"email": "family@example.com"}, terms(matches="all")).settled == [PENDING]
    assert world.names == ["bob"]


# whatever the account answers or holds


def shown(number: int, **attributes: Any) -> dict[str, Any]:
    return {"type": "customer", "id": f"{number:024x}", "attributes": attributes}


CUSTOMERS = st.builds(
    lambda number, emails, own: shown(
        number, emails=[{"email": f"{one}@example.com"} for one in emails], externalId=own
    ),
    st.integers(1, 2),
    st.lists(st.sampled_from("ab"), max_size=2),
    st.sampled_from([None, "x-1", "x-2"]),
)
LOOK_UPS = st.one_of(
    st.just(NO_SUCH),
    CUSTOMERS.map(lambda one: answer({"data": one})),
    st.lists(CUSTOMERS, max_size=2).map(lambda some: answer({"data": some})),
    st.sampled_from([LOST, refusal("no"), answer({"data": 1}), Response(500), Response(301)]),
)
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from([f"{1:024x}", f"{2:024x}"]),
        "externalId": st.sampled_from(["x-1", "x-2"]),
        "email": st.sampled_from(["a@example.com", "b@example.com"]),
        "phone": st.sampled_from(["+39061", "+39062"]),
    },
).filter(bool)


def names_one(replies: list[Reply]) -> str | None:
    """Return the one id that all answers show, nobody aside; None if there is none, or any doubt."""
    found: set[str] = set()
    for reply in replies:
        if not isinstance(reply, Response) or reply.status not in {200, 404}:
            return None
        data = reply.json["data"] if reply.status == 200 else []
        if data == 1:
            return None
        found |= {one["id"] for one in (data if isinstance(data, list) else [data])}
    return found.pop() if len(found) == 1 else None


@settings(max_examples=300, deadline=None)
@given(record=RECORDS, data=st.data())
def test_whatever_look_ups_answer_only_the_one_whom_all_of_them_show_is_removed(
    record: Mapping[str, Any], data: st.DataObject
) -> None:
    replies: list[Reply] = []

    def server(request: Request) -> Reply:
        if request.irreversible:
            return Response(204)
        replies.append(data.draw(LOOK_UPS))
        return replies[-1]

    batch = batch_of(record)
    talk = converse(
        ERASE.converse(batch, terms(KustomerSettings(phone_look_up="digits"), children="keep")), server
    )

    expected = names_one(replies)
    assert removals(talk) in ([], [f"DELETE /customers/{expected}"])
    if removals(talk):
        assert len(talk.requests) == len(record) + 1
        assert record.get("id") in {None, expected}
        assert set(record) != {"phone"}


PEOPLE = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "externalId": st.sampled_from(["x-1", "x-2"]),
            "emails": st.lists(st.sampled_from("ab"), min_size=1, max_size=2, unique=True),
            "sharedEmails": st.lists(st.sampled_from("ab"), min_size=1, max_size=2, unique=True),
            "phones": st.sampled_from([["+39061"], ["+39062"]]),
            "sharedPhones": st.sampled_from([["+39061"], ["+39062"]]),
        },
    ),
    max_size=4,
)


def as_body(person: Mapping[str, Any]) -> dict[str, Any]:
    items = {
        name: [{"email": f"{one}@example.com"} if "mails" in name else {"phone": one} for one in value]
        for name, value in person.items()
        if name != "externalId"
    }
    return {**person, **items}


def owned(body: Mapping[str, Any]) -> set[tuple[str, str]]:
    """What belongs to somebody and nobody else."""
    return {
        *(("externalId", body["externalId"]) for _ in range("externalId" in body)),
        *(("email", one["email"]) for one in body.get("emails", ())),
        *(("phone", one["phone"]) for one in body.get("phones", ())),
    }


@settings(max_examples=300, deadline=None)
@given(record=RECORDS.filter(lambda one: "id" not in one), people=PEOPLE, shared=st.booleans())
def test_in_any_account_nobody_is_removed_but_whom_an_identifier_of_their_own_names_and_none_contradicts(
    record: Mapping[str, str], people: list[Mapping[str, Any]], *, shared: bool
) -> None:
    world = World(lookup_shared=shared)
    bodies = [as_body(person) for person in people]
    there = {}
    for body in bodies:
        reply = world(Request("POST", "/customers", orjson.dumps(body)))
        assert isinstance(reply, Response)
        if reply.status == 201:
            there[reply.json["data"]["id"]] = owned(body)

    world.erase(record)

    left = {one["id"] for one in world.contents("customers")}
    removed = there.keys() - left
    assert len(removed) <= 1
    for number in removed:
        names = set(record.items())
        assert {kind for kind, _ in names & there[number]} - {"phone"}
        assert not any(names & others for other, others in there.items() if other != number)
