"""Erasing a person at Kustomer: what is kept first, what goes in which order, what is read back."""

from collections.abc import Callable
from typing import Any

import pytest
from conversing import LOST, answer
from kustomer_talk import NO_SUCH, KustomerTalk, refusal
from kustomer_world import ERASE, FILE, World, erasing, removals, terms

from bulk.conversation import Lost, Reply, Request, Response, Verification
from bulk.destinations.kustomer.settings import EraseOptions, KustomerSettings
from bulk.destinations.operation import Sighting, State, Terms

PENDING, GONE = ("pending", ""), ("pending", "gone")
NOT_PRESENT = ("succeeded", "not_present")
ANN = {"email": "ann@example.com"}
PLACE = "/customers/650000c00000000000000001"
EVERYTHING = {"messages": 2, "conversations": 2, "notes": 2, "drafts": 2}


def one_person(children: int = 0, **behaviour: Any) -> World:
    world = World(**behaviour)
    world.customer("ann", children)
    world.customer("bob", 1)
    return world


def instead(world: World, method: str, path: str, *replies: Reply) -> None:
    """Answer the first requests to an address otherwise."""
    script = list(replies)

    def watch(request: Request) -> Reply | None:
        meant = request.method == method and request.path.startswith(path)
        return script.pop(0) if script and meant else None

    world.watch = watch


def ask(operation: str, path: str) -> str:
    return f"{operation} {PLACE}{path}"


# who was found is kept before anything is removed


def test_everything_that_names_somebody_is_kept_before_anything_is_removed() -> None:
    world = World()
    world.customer(
        "ann",
        1,
        externalId="a-1",
        externalIds=[{"externalId": "a-1"}, {"externalId": "a-2"}],
        emails=[{"email": "Ann@example.com"}, {"email": "work@example.com"}],
        sharedEmails=[{"email": "family@example.com"}],
        phones=[{"phone": "+39 06 1"}],
        whatsapps=[{"phone": "+39062"}],
    )

    talk = world.erase({"email": "ann@example.com", "phone": "+39061"})

    assert talk.found == [
        {
            0: (
                ("id", "650000c00000000000000001"),
                ("externalId", "a-1"),
                ("externalId", "a-2"),
                ("email", "work@example.com"),
                ("phone", "+39062"),
            )
        }
    ]


def test_a_phone_number_that_was_not_given_is_kept_too() -> None:
    world = World()
    world.customer("ann", phones=[{"phone": "+39063"}])

    assert world.erase(ANN).found == [{0: (("id", "650000c00000000000000001"), ("phone", "+39063"))}]


def test_what_is_hidden_is_not_kept_for_it_cannot_be_looked_up() -> None:
    world = World(masked=frozenset({"emails", "phones"}))
    world.customer("ann", externalId="a-1", phones=[{"phone": "+39061"}])

    talk = world.erase({"externalId": "a-1"})

    assert talk.found == [{0: (("id", "650000c00000000000000001"),)}]


def test_nothing_is_removed_of_somebody_who_is_to_be_left_alone() -> None:
    world = one_person(2)

    talk = world.erase(ANN, leave_alone=frozenset({0}))

    assert (len(talk.found), talk.verdicts, removals(talk)) == (1, {}, [])
    assert (world.names, world.said.count("[erased]")) == (["ann", "bob"], 0)


def test_of_all_matches_the_names_of_each_are_kept() -> None:
    world = one_person()
    bob = {"externalId": "unheard", "email": "bob@example.com", "id": "650000c00000000000000001"}

    talk = world.erase(bob, terms(matches="all"))

    assert talk.found == [
        {
            0: (
                ("id", "650000c00000000000000001"),
                ("email", "ann@example.com"),
                ("id", "650000c00000000000000002"),
            )
        }
    ]
    assert world.names == []


# nobody there


def test_somebody_never_there_is_told_from_somebody_an_earlier_try_found() -> None:
    never, attempted, retried = (
        one_person().erase({"email": "unheard@example.com"}, **more)
        for more in ({}, {"attempted": True}, {"found": {1: (("id", "5f0000000000000000000009"),)}})
    )

    assert (never.settled, never.verdicts[0].verification) == ([NOT_PRESENT], Verification.ABSENT)
    assert (attempted.settled, retried.settled) == ([GONE], [GONE])
    assert attempted.verdicts[0].verification == Verification.PENDING
    assert never.found == attempted.found == retried.found == []


def test_whom_an_earlier_try_found_is_removed_by_what_it_found() -> None:
    world = one_person(1)

    talk = world.erase({"phone": "+39061"}, attempted=True, found={1: (("id", "650000c00000000000000001"),)})

    assert (talk.settled, world.names) == ([PENDING], ["bob"])


def test_what_an_earlier_try_found_is_kept_when_only_some_of_them_are_left() -> None:
    world = one_person()
    before = (("id", "5f0000000000000000000009"), ("email", "ann@example.com"))

    talk = world.erase({"email": "bob@example.com"}, terms(matches="all"), found={1: before})

    assert talk.found == [
        {0: (*before, ("id", "650000c00000000000000002"), ("id", "650000c00000000000000001"))}
    ]
    assert world.names == []


def test_whoever_is_found_by_an_address_found_before_and_called_otherwise_is_in_doubt() -> None:
    world = one_person()

    talk = world.erase({"email": "unheard@example.com"}, found={1: (("email", "ann@example.com"),)})

    assert (talk.settled, world.names) == ([("failed", "identity_conflict")], ["ann", "bob"])


# what goes, in which order


def test_what_belongs_to_somebody_goes_before_they_do() -> None:
    world = one_person(2)

    talk = world.erase(ANN)

    kinds = [
        path.split("/")[1] for path in (request.path for request in talk.requests if request.irreversible)
    ]
    assert kinds == [
        *("messages", "messages", "conversations", "conversations"),
        *("notes", "notes", "drafts", "drafts", "customers"),
    ]
    assert all(request.repeatable for request in talk.requests)
    assert (talk.settled, world.names, talk.waits) == ([PENDING], ["bob"], [])
    assert sorted(world.said) == ["[erased]", "[erased]", "bob says 0"]
    assert [len(world.contents(kind)) for kind in ("conversations", "notes", "drafts")] == [1, 1, 1]


def test_somebody_who_has_nothing_costs_a_request_for_each_kind() -> None:
    talk = one_person().erase(ANN)

    lists = [ask("GET", f"/{kind}?page=1&pageSize=100") for kind in EVERYTHING]
    assert talk.paths == ["GET /customers/email=ann%40example.com", *lists, ask("DELETE", "")]


def test_what_belongs_to_somebody_stays_if_the_step_says_so() -> None:
    world = one_person(2)

    talk = world.erase(ANN, terms(children="keep"))

    assert (talk.settled, removals(talk), len(talk.requests)) == ([PENDING], [ask("DELETE", "")], 2)
    assert (world.said.count("[erased]"), len(world.contents("notes"))) == (0, 3)


def test_lists_are_read_to_their_end_and_once_more() -> None:
    world = one_person()
    for number in range(205):
        world.create(f"{PLACE}/notes", {"body": f"note {number}"})
        world.create(f"{PLACE}/messages", {"preview": f"message {number}"})

    talk = world.erase(ANN)

    assert talk.settled == [PENDING]
    assert (world.said.count("[erased]"), len(world.contents("notes"))) == (205, 1)
    assert len(removals(talk)) == 411
    assert talk.paths.count(ask("GET", "/messages?page=3&pageSize=100")) == 2


def test_all_that_is_attached_to_a_message_goes_too() -> None:
    world = one_person()
    world.create(f"{PLACE}/messages", {"preview": "see", "attachments": [FILE.format(n) for n in range(25)]})

    talk = world.erase(ANN)

    (message,) = (one for one in world.contents("messages") if one["preview"] == "[erased]")
    assert (message["attachments"], len(removals(talk))) == ([], 4)


def test_what_we_redacted_before_is_left_and_what_others_redacted_in_part_is_redacted() -> None:
    world = one_person(1)
    ours = world.create(f"{PLACE}/messages", {"preview": "[erased]", "redacted": True})
    partly = world.create(f"{PLACE}/messages", {"preview": "card *, Ann", "redacted": True})
    half_way = world.create(f"{PLACE}/messages", {"preview": "[erased]", "attachments": [FILE.format(1)]})

    talk = world.erase(ANN)

    asked = [path for path in removals(talk) if "redactions" in path]
    assert {one in path for path in asked for one in (ours,)} == {False}
    assert [sum(one in path for path in asked) for one in (partly, half_way)] == [1, 1]


def test_a_redaction_that_shows_in_other_words_counts_if_the_message_says_that_it_is_redacted() -> None:
    world = one_person(1)

    def reword(request: Request) -> Reply | None:
        if not request.path.startswith(f"{PLACE}/messages"):
            return None
        told = world.send(request)
        return Response(200, {}, told.body.replace(b"[erased]", b"This message was redacted"))

    world.watch = reword
    talk = world.erase(ANN)

    assert (talk.settled, sum("redactions" in path for path in removals(talk))) == ([PENDING], 1)


@pytest.mark.parametrize("kind", EVERYTHING)
def test_what_is_gone_meanwhile_is_as_good_as_removed(kind: str) -> None:
    world = one_person(2)
    instead(world, "POST" if kind == "messages" else "DELETE", f"/{kind}", NO_SUCH)

    talk = world.erase(ANN)

    assert (talk.settled, world.names) == ([PENDING], ["bob"])


def test_lists_that_lag_behind_are_waited_for() -> None:
    world = one_person(2, child_seconds=2.0)

    talk = world.erase(ANN)

    assert (talk.settled, talk.waits, world.names) == ([PENDING], [1.0, 2.0], ["bob"])


def test_long_lists_that_lag_behind_are_worked_through_all_the_same() -> None:
    world = one_person(child_seconds=2.0)
    for _ in range(450):
        world.create(f"{PLACE}/notes", {"body": "x"})

    assert world.erase(ANN).settled == [PENDING]
    assert len(world.contents("notes")) == 1


@pytest.mark.parametrize("kind", EVERYTHING)
def test_nobody_is_deleted_while_something_of_theirs_is_still_shown(kind: str) -> None:
    world = one_person(2, children_kept=frozenset({kind}))

    talk = world.erase(ANN)

    assert (talk.settled, world.names) == ([("failed", "no_effect")], ["ann", "bob"])
    assert talk.waits == [1.0, 2.0, 4.0]
    verdict = talk.verdicts[0]
    assert f"then: the account accepts that {kind} be removed, but still shows them" in verdict.error_message
    assert (verdict.ours, f"2 {kind} " in verdict.error_message) == (True, False)
    removed = {name: count for name, count in EVERYTHING.items() if name not in {kind, "messages"}}
    assert all(f"{count} {name}" in verdict.error_message for name, count in removed.items())


@pytest.mark.parametrize(
    ("kind", "before"),
    [
        ("messages", ""),
        ("conversations", "the text of 2 messages removed, then: "),
        ("notes", "the text of 2 messages and 2 conversations removed, then: "),
        ("drafts", "the text of 2 messages and 2 conversations and 2 notes removed, then: "),
    ],
)
def test_a_refusal_ends_it_and_says_what_was_removed_before(kind: str, before: str) -> None:
    world = one_person(2, children_refused=frozenset({kind}))

    talk = world.erase(ANN)

    assert (talk.settled, world.names) == ([("failed", "refused")], ["ann", "bob"])
    verdict = talk.verdicts[0]
    assert verdict.error_message == (
        f"{before}refused" if before else f"{kind} are kept by a retention policy"
    )
    assert (verdict.http_status, verdict.error_code) == (400, "bad_request")


@pytest.mark.parametrize(
    ("reply", "settled", "said"),
    [
        (refusal("is being merged", 409, "conflict"), ("failed", "refused"), "refused"),
        (LOST, ("failed", "timeout"), "no answer in time"),
        (NO_SUCH, GONE, ""),
        (Response(404, body=NO_SUCH.body, repeated=True), GONE, ""),
    ],
)
def test_what_becomes_of_the_deletion_is_told(reply: Reply, settled: tuple[str, str], said: str) -> None:
    world = one_person(1)
    instead(world, "DELETE", "/customers/", reply)

    talk = world.erase(ANN)

    before = "the text of 1 message and 1 conversation and 1 note and 1 draft removed, then: "
    assert talk.settled == [settled]
    assert talk.verdicts[0].error_message == (before + said if said else "")


def test_after_a_lost_answer_to_the_deletion_of_a_second_match_the_first_is_named() -> None:
    world = one_person()
    instead(world, "DELETE", "/customers/650000c00000000000000002", LOST)

    talk = world.erase({"email": "bob@example.com", "id": "650000c00000000000000001"}, terms(matches="all"))

    assert (talk.settled, world.names) == ([("failed", "timeout")], ["bob"])
    assert talk.verdicts[0].error_message.startswith("1 customer and the text of 1 message and ")


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (LOST, "timeout"),
        (refusal("no"), "refused"),
        (answer({"data": [{}]}), "broken_answer"),
        (answer({"data": {"id": "1"}}), "broken_answer"),
        (Response(204), "broken_answer"),
        (NO_SUCH, "refused"),
    ],
)
@pytest.mark.parametrize("kind", EVERYTHING)
def test_nobody_is_deleted_whose_belongings_cannot_be_read(kind: str, reply: Reply, reason: str) -> None:
    world = one_person(1)
    instead(world, "GET", f"{PLACE}/{kind}", reply)

    talk = world.erase(ANN)

    assert (talk.settled, "ann" in world.names) == ([("failed", reason)], True)
    assert ask("DELETE", "") not in talk.paths


def test_somebody_who_is_deleted_by_others_meanwhile_is_gone() -> None:
    world = one_person(1)

    def delete_first(request: Request) -> Reply | None:
        if request.path.startswith(f"{PLACE}/notes"):
            world.watch = lambda _request: None
            world.send(Request("DELETE", PLACE))
        return None

    world.watch = delete_first

    assert world.erase(ANN).settled == [GONE]


def test_without_reading_back_nobody_is_said_to_have_succeeded() -> None:
    talk = one_person().erase(ANN, terms(verify="none"))

    assert talk.settled == [("unknown", "not_verifiable")]
    assert talk.verdicts[0].verification == Verification.NOT_VERIFIABLE


# read back


def test_somebody_is_absent_only_when_no_identifier_shows_them_any_more() -> None:
    world = one_person(delete_seconds=5.0)
    found = {1: world.erase(ANN).found[0][0]}

    (soon,) = world.read_back(ANN, found=found)
    world.wait(5)
    (later,) = world.read_back(ANN, found=found)

    assert (soon.status, soon.reason, soon.verification) == ("failed", "still_present", "still_present")
    assert (later.status, later.verification) == ("succeeded", "absent")


@pytest.mark.parametrize("kind", ["id", "externalId", "email", "phone"])
@pytest.mark.parametrize("as_found", [True, False])
def test_somebody_is_still_present_whom_any_identifier_shows(kind: str, *, as_found: bool) -> None:
    world = World()
    number = world.customer("ann", externalId="a-1", phones=[{"phone": "+39061"}])
    values = {"id": number, "externalId": "a-1", "email": "ann@example.com", "phone": "+39061"}
    one = {kind: values[kind]}
    record = {"externalId": "unheard"} if as_found else one

    (verdict,) = world.read_back(record, found={1: tuple(one.items())} if as_found else {})

    assert verdict.reason == "still_present"


@pytest.mark.parametrize("reply", [LOST, refusal("no"), answer([]), Response(204), answer({"data": [{}]})])
def test_what_cannot_be_read_back_stays_pending_unless_another_identifier_shows_them(reply: Reply) -> None:
    world = World()
    world.customer("bob")
    gone = {"email": "ann@example.com", "externalId": "a-1"}
    instead(world, "GET", "/customers/externalId", reply, reply)

    unread, present = world.read_back(gone, {**gone, "email": "bob@example.com"})

    assert (unread.status, unread.verification) == ("pending", "pending")
    assert present.verification == "still_present"


def test_others_who_share_an_address_with_somebody_erased_are_not_taken_for_them() -> None:
    world = World(lookup_shared=True)
    shared = [{"email": "family@example.com"}]
    ann = world.customer("ann", externalId="a-1", sharedEmails=shared)
    world.customer("bob", sharedEmails=shared)
    record = {"externalId": "a-1", "email": "family@example.com"}
    talk = world.erase(record)

    (absent,) = world.read_back(record, found={1: talk.found[0][0]})
    (present,) = world.read_back({"email": "family@example.com"}, found={1: (("id", ann),)})

    assert (talk.settled, absent.verification, present.verification) == ([PENDING], "absent", "absent")


def test_somebody_who_only_shares_an_address_is_known_by_the_id_that_was_found() -> None:
    world = World(lookup_shared=True)
    ann = world.customer("ann", sharedEmails=[{"email": "family@example.com"}])
    instead(world, "GET", f"/customers/{ann}", refusal("no"))

    (verdict,) = world.read_back({"email": "family@example.com"}, found={1: (("id", ann),)})

    assert verdict.verification == "still_present"


def test_somebody_kept_in_spite_of_a_good_answer_is_still_present() -> None:
    world = one_person(delete_ignored=frozenset({"ann@example.com"}))
    talk = world.erase(ANN)

    (verdict,) = world.read_back(ANN, found={1: talk.found[0][0]})

    assert (talk.settled, verdict.verification, verdict.ours) == ([PENDING], "still_present", True)


def test_every_person_of_a_batch_is_read_back_for_themselves() -> None:
    world = one_person()
    lost = iter([Lost("timeout", "no answer"), None, None])
    world.watch = lambda _request: next(lost)

    verdicts = world.read_back({"email": "a@example.com"}, {"email": "bob@example.com"}, {"externalId": "c"})

    assert [one.verification for one in verdicts] == ["pending", "still_present", "absent"]


# looking without touching


def test_looking_tells_whom_it_would_find_and_how_much_they_have() -> None:
    world = one_person(3)
    world.create(f"{PLACE}/notes", {"body": "x"})

    seen, _ = world.look(
        ANN,
        {"email": "unheard@example.com"},
        {"email": "ann@example.com", "externalId": "unheard", "id": "650000c00000000000000002"},
        {"email": "bob@example.com"},
    )

    assert seen == [
        Sighting(0, State.PRESENT, 1, 13),
        Sighting(1, State.ABSENT),
        Sighting(2, State.CONFLICT, 2),
        Sighting(3, State.PRESENT, 1, 4),
    ]
    assert (world.names, world.said.count("[erased]")) == (["ann", "bob"], 0)


def test_looking_takes_a_request_for_each_page_of_what_they_have() -> None:
    world = one_person()
    for _ in range(201):
        world.create(f"{PLACE}/notes", {"body": "x"})

    assert world.look(ANN) == ([Sighting(0, State.PRESENT, 1, 201)], 7)
    assert world.look(ANN, told=terms(children="keep")) == ([Sighting(0, State.PRESENT, 1, None)], 1)


def test_looking_counts_what_all_matches_have() -> None:
    world = one_person(3)
    both = {"email": "ann@example.com", "id": "650000c00000000000000002"}

    seen, _ = world.look(both, told=terms(matches="all"))

    assert seen == [Sighting(0, State.PRESENT, 2, 12 + 4)]


def test_a_list_that_says_how_long_it_is_need_not_be_read() -> None:
    world = one_person()
    total = answer({"data": [{"id": "1"}], "meta": {"total": 700}, "links": {"next": "/v1/more"}})
    instead(world, "GET", f"{PLACE}/messages", total)

    assert world.look(ANN) == ([Sighting(0, State.PRESENT, 1, 700)], 5)


@pytest.mark.parametrize("reply", [LOST, refusal("no"), answer([])])
def test_whom_it_cannot_look_up_is_unread_and_what_it_cannot_count_is_not_counted(reply: Reply) -> None:
    world = one_person(1)

    instead(world, "GET", "/customers/email", reply)
    unread, _ = world.look(ANN)
    instead(world, "GET", f"{PLACE}/drafts", reply)
    uncounted, _ = world.look(ANN)

    assert (unread, uncounted) == ([Sighting(0, State.UNREAD)], [Sighting(0, State.PRESENT, 1, None)])


def test_looking_tells_doubts_as_erasing_does() -> None:
    world = World()
    world.customer("ann", phones=[{"phone": "+39061"}])

    doubtful, _ = world.look({"phone": "+39061"})
    all_matches, _ = world.look({"phone": "+39061"}, told=terms(matches="all", children="keep"))

    assert doubtful == [Sighting(0, State.AMBIGUOUS, 1)]
    assert all_matches == [Sighting(0, State.PRESENT, 1, None)]


# the operation as data


@pytest.mark.parametrize(
    ("fields", "options", "expected"),
    [
        ({"email"}, {}, 1 + 4 + 1 + 2),
        ({"email"}, {"children": "keep"}, 1 + 1 + 2),
        ({"email"}, {"children": "keep", "verify": "none"}, 2),
        ({"id", "externalId", "email", "phone"}, {}, 5 + 4 + 1 + 5),
    ],
)
def test_requests_are_counted_with_look_ups_and_read_backs(
    fields: set[str], options: dict[str, Any], expected: int
) -> None:
    told = Terms(KustomerSettings(), EraseOptions(**options))

    assert ERASE.exchanges(fields, told) == expected


@pytest.mark.parametrize(
    "record", [ANN, {"id": "650000c00000000000000001", "externalId": "a-1", "phone": "+39061"}]
)
def test_a_preview_foresees_everything_up_to_the_deletion(record: dict[str, str]) -> None:
    suppose = ERASE.suppose
    assert suppose is not None

    def server(request: Request) -> Reply:
        return suppose(request) or LOST

    talk = foresee(server, record)

    assert removals(talk) == ["DELETE /customers/ID-LOOKED-UP"]
    assert sum("/customers/ID-LOOKED-UP/" in path for path in talk.paths) == 4


def foresee(server: Callable[[Request], Reply], record: dict[str, str]) -> KustomerTalk:
    world = World()
    world.watch = server
    return world.erase(record)


def test_a_step_that_reads_nobody_back_has_no_way_to_do_so() -> None:
    assert ERASE.tailor is not None
    silent = ERASE.tailor(ERASE, EraseOptions(verify="none"))
    usual = ERASE.tailor(ERASE, EraseOptions())

    assert silent.erasing is not None
    assert (silent.erasing.verify, usual) == (None, ERASE)
    assert erasing().patience(EraseOptions()) == 60.0
