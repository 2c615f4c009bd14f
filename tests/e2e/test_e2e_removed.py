"""Who leaves the list is removed, once, where the ledger brought them, and nobody else is."""

import signal
import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from typing import Any
from urllib.parse import quote, urlsplit

import orjson
import pytest
from forked_bulk import Ended
from workshop import Sandbox, Workshop, sandbox_with, until

from bulk.sandbox import CustomerlyBehaviour, SandboxOptions

REMOVING = {"mode": "changes", "removed": "delete_user"}
STEP = {"operation": "upsert_user", "batch_size": 50}
LEFT = "upsert_user:removed"


def email(number: int) -> str:
    return f"person{number}@example.com"


def emails(numbers: Iterable[int]) -> set[str]:
    return {email(number) for number in numbers}


def listed(shop: Workshop, numbers: Iterable[int]) -> None:
    """Write the list of a night."""
    shop.source(f"{email(number)},Person {number}" for number in numbers)


def tonight(shop: Workshop, *arguments: str) -> Ended:
    """Run the job, in a process of its own, with everybody's approval."""
    return shop.ask("run", "contacts.yaml", "--yes", *arguments)


def reasons(shop: Workshop, step: str, *arguments: str) -> dict[tuple[str, str], int]:
    """Rows of a step by status and reason."""
    return dict(
        Counter((line["status"], line["reason"]) for line in shop.export(*arguments) if line["step"] == step)
    )


def looked_at(shop: Workshop, *arguments: str) -> dict[str, Any]:
    """What a preview shows."""
    shown: dict[str, Any] = orjson.loads(shop.ask("preview", "contacts.yaml", "--json", *arguments).stdout)
    return shown


def there(sandbox: Sandbox) -> set[str]:
    """Who is there."""
    return set(sandbox.contacts())


def deletions(sandbox: Sandbox) -> int:
    return sum(method == "DELETE" for method, _ in sandbox.targets())


def test_three_nights_remove_who_left_once_and_nobody_else(shop: Workshop, sandbox: Sandbox) -> None:
    sandbox.put("users", [{"email": "somebody@example.com"}])  # whom the ledger never brought
    shop.job(STEP, sync=REMOVING)
    listed(shop, range(20))
    assert (tonight(shop).code, deletions(sandbox)) == (0, 0)

    listed(shop, [*range(2, 20), 20])
    assert (tonight(shop).code, deletions(sandbox)) == (0, 2)
    assert there(sandbox) == emails(range(2, 21)) | {"somebody@example.com"}
    assert reasons(shop, "upsert_user") == {
        ("skipped", "unchanged"): 18,
        ("succeeded", ""): 1,
        ("skipped", "filtered"): 2,
    }
    assert reasons(shop, LEFT) == {("skipped", "filtered"): 19, ("succeeded", ""): 2}
    status = shop.status()
    assert (status["rows"], status["balanced"], status["state"]) == (21, True, "finished")
    told = {line["row"]: (line["key"], line["error_message"]) for line in shop.export()}
    assert [told[20], told[21]] == [(email(0), ""), (email(1), "")]

    assert (tonight(shop).code, deletions(sandbox)) == (0, 2)
    assert (shop.status()["rows"], reasons(shop, LEFT)) == (19, {("skipped", "filtered"): 19})


def test_who_comes_back_is_sent_again_and_can_leave_again(shop: Workshop, sandbox: Sandbox) -> None:
    shop.job(STEP, sync=REMOVING)
    for night, numbers in enumerate([[1, 2], [1], [1, 2], [1]]):
        listed(shop, numbers)
        assert tonight(shop).code == 0
        assert there(sandbox) == emails(numbers)
        assert deletions(sandbox) == (night + 1) // 2


def test_whoever_a_row_names_is_left_alone_whatever_the_row_is_told(shop: Workshop, sandbox: Sandbox) -> None:
    where = {"where": "name <> 'left out'", "opted_out": "name = 'no mail'"}
    shop.job(STEP, source=where, sync=REMOVING)
    listed(shop, range(6))
    assert tonight(shop).code == 0
    long = "x" * 130
    shop.job(
        {**STEP, "fields": {"email": "email", "name": "name", "attributes": {"note": "note"}}},
        source=where,
        sync=REMOVING,
    )
    lines = [
        f"{email(0)},left out,",
        f" {email(1).upper()} ,no mail,",
        f"{email(2)},Twice,",
        f"{email(2)},Twice,",
        f"{email(3)},Rejected,{long}",
    ]
    shop.source(lines, header="email,name,note")
    assert tonight(shop).code == 3
    assert there(sandbox) == emails(range(4))
    assert reasons(shop, LEFT) == {("skipped", "filtered"): 5, ("succeeded", ""): 2}


def test_nobody_is_removed_whom_this_ledger_never_delivered(shop: Workshop, sandbox: Sandbox) -> None:
    sandbox.put("users", [{"email": email(number)} for number in range(4)])
    before = there(sandbox)
    shop.job({**STEP, "batch_size": 1}, sync=REMOVING)
    listed(shop, range(4))
    assert tonight(shop, "--limit", "1").code == 0
    assert tonight(shop, "--fresh", "--limit", "2").code == 0  # two after the first, which is unchanged
    listed(shop, [9])
    assert tonight(shop).code == 0
    assert there(sandbox) == before - emails([0, 1, 2]) | emails([9])


def test_a_night_that_is_killed_while_removing_is_mended_by_the_next_with_its_own_list(
    shop: Workshop,
) -> None:
    with sandbox_with(SandboxOptions()) as sandbox:
        shop.at(sandbox)
        shop.job(STEP, sync=REMOVING)
        listed(shop, range(300))
        assert tonight(shop).code == 0
        listed(shop, range(250, 300))
        shop.job(STEP, place={"rate": "100/s"}, sync=REMOVING)
        with shop.running("--yes") as run:
            until(lambda: deletions(sandbox) >= 40, "40 removals")
            run.kill()
        assert not shop.status()["steps"]["upsert_user"]["pending"]
        gone = {line["key"] for line in shop.export("--status", "succeeded") if line["step"] == LEFT}
        assert 20 < len(gone) < 250
        before = deletions(sandbox)

        back = [number for number in range(250) if email(number) not in gone][-30:]
        listed(shop, [*back, *range(250, 300)])
        shop.job(STEP, sync=REMOVING)
        assert tonight(shop).code == 0
        assert there(sandbox) == emails([*back, *range(250, 300)])
        assert deletions(sandbox) - before == 250 - len(gone) - len(back)
    counts = reasons(shop, LEFT, "--pass", "2")
    assert counts["succeeded", ""] == len(gone)
    assert counts["skipped", "superseded"] + counts.get(("unknown", "interrupted"), 0) == 250 - len(gone)
    assert shop.status()["balanced"]


def test_who_was_on_the_way_when_a_night_was_killed_is_removed_and_who_was_not_sent_is_not(
    shop: Workshop,
) -> None:
    with sandbox_with(SandboxOptions()) as sandbox:
        shop.at(sandbox)
        sandbox.put("users", [{"email": email(399)}])  # there already, and last on the list
        shop.job({**STEP, "batch_size": 1}, sync=REMOVING)
        listed(shop, range(400))

        def on_the_way() -> bool:
            """Tell whether somebody has arrived whom nobody has noted; if so, the run stands still."""
            run.send_signal(signal.SIGSTOP)
            noted = {line["key"] for line in shop.export() if line["status"] == "succeeded"}
            found = bool(there(sandbox) - {email(399)} - noted)
            if not found:
                run.send_signal(signal.SIGCONT)
            return found

        with shop.running() as run:
            until(lambda: sandbox.requests >= 100, "100 requests")
            until(on_the_way, "somebody on the way")
            run.kill()
        listed(shop, [1000])
        assert tonight(shop).code == 0
        assert there(sandbox) == emails([399, 1000])


def test_a_killed_night_goes_on_over_the_same_list(shop: Workshop) -> None:
    with sandbox_with(SandboxOptions()) as sandbox:
        shop.at(sandbox)
        shop.job(STEP, sync=REMOVING)
        listed(shop, range(200))
        assert tonight(shop).code == 0
        listed(shop, range(150, 200))
        with shop.running("--yes", "--set", "destinations.customerly.rate=100/s") as run:
            until(lambda: deletions(sandbox) >= 20, "20 removals")
            run.kill()
        planned = looked_at(shop)
        assert (planned["rows"], planned["left"], planned["steps"][1]["records"]) == (200, 150, 150)
        assert tonight(shop, "--confirm", planned["digest"]).code == 0
        assert there(sandbox) == emails(range(150, 200))
    counts = reasons(shop, LEFT)
    assert (shop.status()["pass"], counts.pop(("skipped", "filtered"))) == (2, 50)
    assert sum(counts.values()) == 150
    assert counts.keys() <= {("succeeded", ""), ("succeeded", "gone")}


def test_a_removal_that_failed_or_was_not_reached_is_tried_again_and_others_are_not(shop: Workshop) -> None:
    behaviour = CustomerlyBehaviour(unsubscribe_ignored=frozenset([email(1)]))
    unsubscribing = {**REMOVING, "removed": "unsubscribe_user"}
    step = {**STEP, "fields": {"email": "email", "user_id": "name"}}
    with sandbox_with(SandboxOptions(customerly=behaviour)) as sandbox:
        shop.at(sandbox)
        shop.job(step, sync=unsubscribing)
        listed(shop, range(5))
        assert tonight(shop).code == 0
        sandbox.ask("customerly", "DELETE", f"/users?email={quote(email(3))}")
        listed(shop, [0])
        assert tonight(shop).code == 3
        assert reasons(shop, LEFT) == {
            ("skipped", "filtered"): 1,
            ("failed", "no_effect"): 1,
            ("succeeded", ""): 2,
            ("skipped", "not_found"): 1,
        }
        assert tonight(shop).code == 3
        assert reasons(shop, LEFT) == {("skipped", "filtered"): 1, ("failed", "no_effect"): 1}

        listed(shop, [0, 1])
        assert tonight(shop).code == 0  # it may have taken effect after all, so it is sent again
        assert reasons(shop, "upsert_user") == {("skipped", "unchanged"): 1, ("succeeded", ""): 1}


def test_what_a_destination_that_was_down_did_not_remove_it_removes_the_next_night(shop: Workshop) -> None:
    with sandbox_with(SandboxOptions()) as sandbox:
        shop.at(sandbox)
        shop.job(STEP, place={"retry": {"attempts": 1}}, sync=REMOVING)
        listed(shop, range(5))
        assert tonight(shop).code == 0
        port = urlsplit(sandbox.url).port or 0
    listed(shop, range(1, 5))
    with sandbox_with(SandboxOptions(port=port, down=("customerly",))):
        assert tonight(shop).code == 3
    assert reasons(shop, LEFT) == {("skipped", "filtered"): 4, ("failed", "server_error"): 1}
    with sandbox_with(SandboxOptions(port=port)) as sandbox:
        sandbox.put("users", [{"email": email(number)} for number in range(5)])
        assert tonight(shop).code == 0
        assert there(sandbox) == emails(range(1, 5))


def test_at_another_place_nobody_has_left(shop: Workshop, sandbox: Sandbox) -> None:
    shop.job(STEP, sync=REMOVING)
    listed(shop, range(5))
    assert tonight(shop).code == 0
    listed(shop, range(4))
    with sandbox_with(SandboxOptions()) as elsewhere:
        moved = f"destinations.customerly.base_url={elsewhere.url}"
        assert tonight(shop, "--set", moved).code == 0
        assert (deletions(elsewhere), there(elsewhere)) == (0, emails(range(4)))
    assert deletions(sandbox) == 0


GUARDED = {"max_shrink": "20%", "min_records": 10}


@pytest.mark.parametrize(
    ("numbers", "why"),
    [
        (range(79), "guard max_shrink: 79 records are 21.0% fewer than the 100 of the last pass"),
        (range(30, 200), "guard max_shrink: 30 of the 100 people who were delivered would be removed: 30.0%"),
        ([], "guard min_records"),
    ],
)
def test_a_list_that_lost_too_many_removes_nobody(
    shop: Workshop, sandbox: Sandbox, numbers: Iterable[int], why: str
) -> None:
    shop.job(STEP, sync=REMOVING, guards=GUARDED)
    listed(shop, range(100))
    assert tonight(shop).code == 0
    listed(shop, numbers)
    refused = tonight(shop)
    assert (refused.code, why in refused.stderr) == (5, True), refused.stderr
    assert (shop.status()["pass"], there(sandbox)) == (1, emails(range(100)))

    listed(shop, range(20, 100))
    assert tonight(shop).code == 0  # exactly 20% are allowed
    assert there(sandbox) == emails(range(20, 100))


def test_people_who_left_do_not_make_a_short_list_long(shop: Workshop, sandbox: Sandbox) -> None:
    shop.job(STEP, sync=REMOVING, guards={"max_shrink": "50%"})
    listed(shop, range(10))
    assert tonight(shop).code == 0
    listed(shop, [0])
    assert "1 records are 90.0% fewer" in tonight(shop).stderr
    lifted = ("--override", "max_shrink", "--reason", "they really left")
    assert tonight(shop, *lifted).code == 0
    assert there(sandbox) == emails([0])
    assert tonight(shop).code == 0  # compared with a list of one, not with the nine rows of those who left


@pytest.mark.parametrize("spoilt", ['"never closed', "too,many,fields,here"])
def test_a_list_that_cannot_be_read_in_full_removes_nobody(
    shop: Workshop, sandbox: Sandbox, spoilt: str
) -> None:
    shop.job(STEP, sync=REMOVING)
    listed(shop, range(5))
    assert tonight(shop).code == 0
    shop.source([f"{email(0)},Person 0", spoilt])
    run = tonight(shop, "--log-format", "json")
    assert (run.code, '"event": "nobody_removed"' in run.stderr) == (3, True)
    assert "1 rows are malformed, so it is not certain who left it: 4 people are left alone" in "".join(
        looked_at(shop)["warnings"]
    )
    assert there(sandbox) == emails(range(5))
    listed(shop, [0, 1])
    assert tonight(shop).code == 0
    assert there(sandbox) == emails([0, 1])


def test_an_empty_list_removes_nobody_even_without_a_guard(shop: Workshop, sandbox: Sandbox) -> None:
    shop.job(STEP, sync=REMOVING)
    listed(shop, range(5))
    assert tonight(shop).code == 0
    listed(shop, [])
    assert tonight(shop).code == 0
    assert there(sandbox) == emails(range(5))
    assert "the list is empty" in "".join(looked_at(shop)["warnings"])


def test_removals_that_cannot_be_undone_need_approval(shop: Workshop, sandbox: Sandbox) -> None:
    shop.job(STEP, sync=REMOVING)
    listed(shop, range(5))
    assert shop.ask("run", "contacts.yaml").code == 0  # nobody leaves: nothing to approve
    listed(shop, range(3))
    refused = shop.ask("run", "contacts.yaml")
    assert (refused.code, "delete_user can never be undone" in refused.stderr) == (5, True)
    digest = looked_at(shop)["digest"]
    listed(shop, range(2))
    assert shop.ask("run", "contacts.yaml", "--confirm", digest).code == 5
    listed(shop, range(3))
    assert shop.ask("run", "contacts.yaml", "--confirm", digest).code == 0
    assert there(sandbox) == emails(range(3))


def test_a_preview_shows_the_very_requests_and_warns_of_a_missing_guard(
    shop: Workshop, sandbox: Sandbox
) -> None:
    shop.job(STEP, sync=REMOVING)
    listed(shop, range(5))
    assert tonight(shop).code == 0
    listed(shop, [3, 4])
    shown = looked_at(shop, "-n", "10")
    assert (shown["rows"], shown["left"], shown["steps"][1]["records"], shown["steps"][1]["requests"]) == (
        5, 3, 3, 3,
    )  # fmt: skip
    asked = [(one["method"], one["url"].removeprefix(shop.url)) for one in shown["requests"]]
    assert tonight(shop, "--confirm", shown["digest"]).code == 0
    sent = [target for target in sandbox.targets() if target[0] == "DELETE"]
    assert sorted((method, sandbox.path_digest(path)) for method, path in asked) == sorted(sent)
    assert len(sent) == 3

    warning = "without guards.max_shrink a list that was cut short"
    assert warning in "".join(shown["warnings"])
    check = shop.ask("check", "contacts.yaml", "--offline").stdout
    assert warning in check
    assert "source: contacts.csv, 2 rows" in check
    shop.job(STEP, sync=REMOVING, guards={"max_shrink": "5%"})
    assert looked_at(shop)["warnings"] == []


def test_a_test_send_removes_only_so_many(shop: Workshop, sandbox: Sandbox) -> None:
    shop.job(STEP, sync=REMOVING)
    listed(shop, range(6))
    assert tonight(shop).code == 0
    listed(shop, [0])
    assert tonight(shop, "--limit", "2").code == 0
    assert (deletions(sandbox), shop.status()["steps"][LEFT]["pending"]) == (2, 3)
    assert tonight(shop).code == 0
    assert (deletions(sandbox), there(sandbox)) == (5, emails([0]))


def test_who_left_before_removals_were_asked_for_is_removed_too(shop: Workshop, sandbox: Sandbox) -> None:
    shop.job(STEP, sync={"mode": "changes"})
    for numbers in (range(4), range(1, 4), range(2, 4)):
        listed(shop, numbers)
        assert tonight(shop).code == 0
    shop.job(STEP, sync=REMOVING)
    assert tonight(shop).code == 0
    assert there(sandbox) == emails([2, 3])
    assert [line["key"] for line in shop.export("--status", "succeeded")] == [email(1), email(0)]


def test_whose_key_is_forgotten_is_left_alone_and_looked_for_once(shop: Workshop, sandbox: Sandbox) -> None:
    shop.job(STEP, sync=REMOVING)
    listed(shop, range(4))
    assert tonight(shop).code == 0
    with closing(sqlite3.connect(shop.ledger)) as ledger, ledger:
        ledger.execute("DELETE FROM keys")
    listed(shop, [3])
    said = [tonight(shop, "--log-format", "json").stderr for _ in range(2)]
    assert ["left_without_a_key" in one for one in said] == [True, False]
    assert there(sandbox) == emails(range(4))
    listed(shop, range(4))
    assert tonight(shop).code == 0
    listed(shop, [3])
    assert tonight(shop).code == 0
    assert there(sandbox) == emails([3])


def test_an_export_with_the_source_has_no_columns_for_who_left(shop: Workshop, sandbox: Sandbox) -> None:
    shop.job(STEP, sync=REMOVING)
    listed(shop, range(3))
    assert tonight(shop).code == 0
    listed(shop, [2])
    assert tonight(shop).code == 0
    lines = [line for line in shop.export("--with-source") if line["step"] == LEFT]
    assert [(line["key"], line["name"]) for line in lines] == [
        (email(2), "Person 2"),
        (email(0), None),
        (email(1), None),
    ]
    assert sandbox.requests == 3


def test_another_key_removes_nobody(shop: Workshop, sandbox: Sandbox) -> None:
    step = {**STEP, "fields": {"email": "email", "user_id": "name"}}
    shop.job(step, sync=REMOVING)
    listed(shop, range(5))
    assert tonight(shop).code == 0
    shop.job(step, source={"key": "name"}, sync=REMOVING)
    assert tonight(shop).code == 0
    assert (deletions(sandbox), len(sandbox.contacts())) == (0, 5)
    listed(shop, range(4))
    assert tonight(shop).code == 0
    assert sandbox.targets()[-1] == ("DELETE", sandbox.path_digest("/users?user_id=Person%204"))


def test_each_destination_removes_whom_it_was_brought(shop: Workshop) -> None:
    with sandbox_with(SandboxOptions()) as other, sandbox_with(SandboxOptions()) as one:
        shop.at(one)
        places = {"one": {"system": "customerly"}, "other": {"system": "customerly", "base_url": other.url}}
        even = "name in ('Person 0', 'Person 2')"
        steps = (
            {**STEP, "name": "all", "destination": "one"},
            {**STEP, "name": "some", "destination": "other", "where": even},
        )
        shop.job(*steps, to=places, sync=REMOVING)
        listed(shop, range(4))
        assert tonight(shop).code == 0
        assert (len(one.contacts()), len(other.contacts())) == (4, 2)
        listed(shop, [3])
        assert tonight(shop).code == 0
        assert (there(one), there(other)) == (emails([3]), set())
        assert (deletions(one), deletions(other)) == (3, 2)
    assert reasons(shop, "some:removed") == {("skipped", "filtered"): 2, ("succeeded", ""): 2}


def test_what_was_added_to_somebody_is_added_again_when_they_come_back(
    shop: Workshop, sandbox: Sandbox
) -> None:
    steps = (
        {"operation": "upsert_person", "fields": {"email": "email"}},
        {"operation": "track_event", "fields": {"email": "email", "name": "name"}},
    )
    shop.job(*steps, to="customerio", sync={**REMOVING, "removed": "delete_person"})
    for numbers in ([1, 2], [1], [1, 2], [1, 2]):
        listed(shop, numbers)
        assert tonight(shop).code == 0
    events = [event["name"] for event in sandbox.contents("customerio", "events")]
    assert sorted(events) == ["Person 1", "Person 2", "Person 2"]
    assert reasons(shop, "track_event") == {("skipped", "unchanged"): 2}


def test_suppression_holds_back_nobody_from_being_removed(shop: Workshop, sandbox: Sandbox) -> None:
    shop.write("stop.csv", f"email\n{email(1)}\n{email(0)}\n")
    listed(shop, range(3))
    shop.job(STEP, sync=REMOVING)
    assert tonight(shop).code == 0
    listed(shop, [0, 2])
    shop.job(STEP, sync=REMOVING, suppression=[{"path": "stop.csv", "column": "email"}])
    assert tonight(shop).code == 0
    assert there(sandbox) == emails([0, 2])
    assert reasons(shop, "upsert_user")["skipped", "suppressed"] == 1
