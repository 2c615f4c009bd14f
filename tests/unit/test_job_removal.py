"""``sync.removed`` becomes steps of its own, or a mistake that says what to do."""

from pathlib import Path

import pytest
from jobs_by_hand import load, mistakes

from bulk.conversation import KEY
from bulk.job import Job
from bulk.mapping.spec import Column

USERS = "{destination: customerly, operation: upsert_user, fields: {email: E-mail, user_id: ID}}"
LEADS = "{destination: customerly, operation: upsert_lead, fields: {email: E-mail}}"
TAGS = "{destination: customerly, operation: tag, fields: {email: E-mail, tag: {value: crm}}}"
PEOPLE = (
    '{destination: customerio, operation: upsert_person, fields: {id: ID, email: {expr: lower("E-mail")}}}'
)
EVENTS = "{destination: customerio, operation: track_event, fields: {email: E-mail, name: Name}}"
CUSTOMERS = "{destination: kustomer, operation: upsert_customer, fields: {email: E-mail}}"
COMPANIES = (
    "{destination: customerly, operation: add_company_attributes, fields: {company_id: C, company_name: D}}"
)
MORE = (
    "{name: more, destination: customerly, operation: add_user_attributes,"
    " fields: {email: E-mail, attributes: {a: A}}}"
)


def job(*steps: str, removed: str, source: str = "", rest: str = "") -> str:
    """A job whose line 6 asks for removals."""
    listed = ", ".join(steps)
    return (
        f"name: sync\nsource: {{path: people.csv{source}}}\n"
        "destinations: {customerly: {}, customerio: {}, kustomer: {}}\n"
        f"steps: [{listed}]\n"
        f"sync:\n  removed: {removed}\n{rest or '  mode: changes'}\n"
    )


def removing(made: Job) -> list[tuple[int, str, str, str, dict[str, object], tuple[int, ...]]]:
    return [
        (step.index, step.name, step.destination, step.operation.name, dict(step.fields), step.removes)
        for step in made.steps
        if step.removes
    ]


@pytest.mark.parametrize(
    ("steps", "removed", "source", "expected"),
    [
        ([USERS], "delete_user", "", [(1, "upsert_user:removed", "customerly", "email", (0,))]),
        ([USERS], "delete_user", ", key: ID", [(1, "upsert_user:removed", "customerly", "user_id", (0,))]),
        ([LEADS, TAGS], "delete_lead", "", [(2, "upsert_lead:removed", "customerly", "email", (0,))]),
        ([USERS, LEADS], "unsubscribe_user", "", [(2, "upsert_user:removed", "customerly", "email", (0,))]),
        ([TAGS, USERS, MORE], "delete_user", "", [(3, "upsert_user:removed", "customerly", "email", (1, 2))]),
        (
            [USERS, PEOPLE, EVENTS],
            "suppress_person",
            ", key: ID",
            [(3, "upsert_person:removed", "customerio", "id", (1,))],
        ),
        (
            [CUSTOMERS, USERS],
            "delete_customer",
            "",
            [(2, "upsert_customer:removed", "kustomer", "email", (0,))],
        ),
        ([USERS], "ignore", "", []),
    ],
)
def test_who_left_is_removed_where_steps_bring_people_by_the_field_that_is_the_key(
    tmp_path: Path,
    steps: list[str],
    removed: str,
    source: str,
    expected: list[tuple[int, str, str, str, tuple[int, ...]]],
) -> None:
    made = load(tmp_path, job(*steps, removed=removed, source=source))

    assert removing(made) == [
        (index, name, destination, removed, {field: Column(KEY)}, brought)
        for index, name, destination, field, brought in expected
    ]


def test_every_destination_of_the_system_has_a_step_of_its_own(tmp_path: Path) -> None:
    text = job(
        USERS.replace("{destination", "{name: a, destination"),
        "{name: b, destination: second" + USERS[24:],
        removed="delete_user",
    )
    made = load(
        tmp_path,
        text.replace("kustomer: {}", "second: {system: customerly, base_url: https://example.com/v1}"),
    )

    assert [(step.index, step.name, step.destination) for step in made.steps[2:]] == [
        (2, "a:removed", "customerly"),
        (3, "b:removed", "second"),
    ]


def test_what_is_asked_of_who_left_belongs_to_the_digest_and_not_to_what_is_delivered(tmp_path: Path) -> None:
    ignoring = load(tmp_path, job(USERS, removed="ignore"))
    deleting = load(tmp_path, job(USERS, removed="delete_user"))

    assert deleting.digest != ignoring.digest
    assert deleting.scope(deleting.steps[0]) == ignoring.scope(ignoring.steps[0])


def test_people_named_by_another_field_are_other_people(tmp_path: Path) -> None:
    scopes = {
        (made := load(tmp_path, job(USERS, removed="delete_user", source=source))).scope(made.steps[0])
        for source in ("", ", key: E-mail", ", key: ID")
    }
    assert len(scopes) == 2


THERE_ARE = "; there are delete_user, delete_lead, unsubscribe_user"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (job(USERS, removed="delete_usr"), 'unknown operation "delete_usr"; did you mean "delete_user"?'),
        (job(USERS, removed="wipe"), f'unknown operation "wipe"{THERE_ARE}'),
        (
            job(USERS, removed="delete_person"),
            f"no step of this job sends to customerio, which has delete_person{THERE_ARE}",
        ),
        (job(USERS, removed="upsert_user"), f"upsert_user cannot remove who left the list{THERE_ARE}"),
        (job(USERS, removed="delete_tag"), f"delete_tag cannot remove who left the list{THERE_ARE}"),
        (
            job(PEOPLE, removed="unsuppress_person"),
            (
                "unsuppress_person cannot remove who left the list;"
                " there are delete_person, suppress_person, unsubscribe_person"
            ),
        ),
        (
            job(LEADS, removed="delete_user"),
            "no step at customerly creates or updates a user, so there is nobody to remove",
        ),
        (
            job(EVENTS, removed="delete_person"),
            "no step at customerio creates or updates a person, so there is nobody to remove",
        ),
        (
            job(CUSTOMERS, removed="unsubscribe_customer"),
            (
                "unsubscribe_customer needs one of custom, tags too,"
                " and of who left the list only the key is known"
            ),
        ),
        (
            job(LEADS.replace("E-mail}", "E-mail, user_id: ID}"), removed="delete_lead", source=", key: ID"),
            (
                "the key is user_id, by which delete_lead finds nobody; it has email:"
                " let source.key be what one of these is mapped from"
            ),
        ),
        (
            job(COMPANIES, removed="delete_user"),
            (
                "the key is the row number, which names nobody: let the first step map an e-mail address,"
                " a phone number or an id, or name a column as source.key"
            ),
        ),
        (
            job(USERS, PEOPLE, removed="delete_person"),
            (
                'the key is the column "E-mail", and the step upsert_person maps no field from that alone,'
                " so nobody could say whom a key means there; map one,"
                " or let source.key be what one is mapped from"
            ),
        ),
        (job(USERS, removed="[delete_user]"), "expected text; found a list"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    assert mistakes(tmp_path, text) == [f"job.yaml:6: sync.removed: {said}"]


def test_whose_people_are_found_among_contacts_removes_nobody_who_left(tmp_path: Path) -> None:
    match = "  mode: changes\nmatch: {contacts: {path: c.csv}, column: email, hash: md5}"
    (told,) = mistakes(tmp_path, job(USERS, removed="delete_user", rest=match))
    assert told.startswith("job.yaml:6: sync.removed: needs rows that name people themselves")


def test_all_that_a_job_lacks_is_told_at_once(tmp_path: Path) -> None:
    assert mistakes(tmp_path, job(USERS, removed="delete_usr", rest="ledger: {keys: hashed}")) == [
        f"job.yaml:6: sync.removed: {said}"
        for said in (
            "needs mode: changes; with mode: all nobody knows who was delivered before",
            "needs ledger: {keys: plain}: who left the list is named by the key that the ledger kept",
            'unknown operation "delete_usr"; did you mean "delete_user"?',
        )
    ]


def test_an_api_that_we_do_not_know_removes_nobody(tmp_path: Path) -> None:
    text = """\
name: sync
source: {path: people.csv}
destinations: {api: {system: http, base_url: https://example.com}}
steps: [{destination: api, operation: request, path: /p, duplicates: keep_last, fields: {email: E-mail}}]
sync: {mode: changes, removed: request}
"""
    assert mistakes(tmp_path, text) == [
        (
            "job.yaml:5: sync.removed: request cannot remove who left the list;"
            " no destination of this job can remove people"
        )
    ]
