"""How a job says where it finds its people, and what is said to mistakes in it."""

from pathlib import Path

import pytest
from jobs_by_hand import GOOD, load, mistakes

from bulk.job.match import Listings

MATCH = "match:\n  contacts: {pull: users}\n  column: who\n"
SEVERAL = """\
name: sync
source: {path: people.csv}
destinations:
  customerly: {}
  kustomer: {}
  other: {system: http, base_url: "https://api.example.com"}
  unused: {system: customerio}
steps:
  - {destination: customerly, operation: upsert_user, fields: {email: email}}
  - {destination: kustomer, operation: update_customer, fields: {email: email}}
"""
CUSTOMERLY = "users, leads, tags, collections, articles"
HTTP = '  - {destination: other, operation: request, path: "/x", fields: {a: b}}\n'


def pulling(how: str, text: str = SEVERAL) -> str:
    return f"{text}match: {{column: who, contacts: {how}}}\n"


def test_a_match_is_read_as_written_and_its_secret_filled_in(tmp_path: Path) -> None:
    keyed = MATCH + '  hash: hmac-sha256\n  secret: "${LIST_SECRET}"\n  of: upper(email)\n'
    found = load(tmp_path, GOOD + keyed, {"LIST_SECRET": "the list's secret"}).match
    assert found is not None
    assert (found.column, found.hash, found.secret, found.of) == (
        "who",
        "hmac-sha256",
        "the list's secret",
        "upper(email)",
    )
    assert "the list's secret" not in repr(found)


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    keyed = MATCH + '  hash: hmac-sha256\n  secret: "${LIST_SECRET}"\n'
    found = load(tmp_path, GOOD + keyed, {"LIST_SECRET_FILE": str(tmp_path / "secret")}).match
    assert found is not None
    assert found.secret == "from a file"


def test_by_default_values_are_compared_with_the_address_of_a_contact(tmp_path: Path) -> None:
    found = load(tmp_path, GOOD + MATCH).match
    assert found is not None
    assert (found.hash, found.secret, found.of) == ("none", None, "lower(trim(email))")


@pytest.mark.parametrize(
    ("how", "customerly", "kustomer"),
    [
        ("{pull: {customerly: [users, leads], kustomer: customers}}", ("users", "leads"), ("customers",)),
        ("{pull: {customerly: leads, kustomer: [customers], unused: people}}", ("leads",), ("customers",)),
        ("{path: contacts.parquet}", None, None),
    ],
)
def test_listings_are_named_for_all_destinations_or_for_each(
    tmp_path: Path, how: str, customerly: tuple[str, ...] | None, kustomer: tuple[str, ...] | None
) -> None:
    found = load(tmp_path, pulling(how)).match
    assert found is not None
    pull = found.contacts.pull
    at = {name: None if pull is None else pull.at(name) for name in ("customerly", "kustomer")}
    assert at == {"customerly": customerly, "kustomer": kustomer}


def test_one_name_and_a_list_of_names_hold_everywhere() -> None:
    assert Listings(("users", "leads")).at("anywhere") == ("users", "leads")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (
            "{pull: {customerli: users, kustomer: customer}}",
            [
                'unknown destination "customerli"; did you mean "customerly"?',
                f'"customerly" is missing, which steps use; customerly lists {CUSTOMERLY}',
                'kustomer does not list "customer"; did you mean "customers"?',
            ],
        ),
        (
            "{pull: [users, laeds]}",
            [
                'customerly does not list "laeds"; did you mean "leads"?',
                'kustomer does not list "users"; did you mean "customers"?',
                'kustomer does not list "laeds"; it lists customers',
                "each destination may have listings of its own: {customerly: …, kustomer: …}",
            ],
        ),
    ],
)
def test_listings_that_a_destination_does_not_have_are_all_told(
    tmp_path: Path, how: str, said: list[str]
) -> None:
    assert mistakes(tmp_path, pulling(how)) == [f"job.yaml:11: match.contacts.pull: {one}" for one in said]


def test_a_system_that_cannot_be_listed_wants_a_file(tmp_path: Path) -> None:
    pulled = "{pull: {customerly: users, kustomer: customers, other: records}}"
    said = "other (http) cannot be listed; give its contacts as a file: {path: …}"
    told = mistakes(tmp_path, pulling(pulled, SEVERAL + HTTP))
    assert told == [f"job.yaml:12: match.contacts.pull: {said}"]
    load(tmp_path, pulling("{path: contacts.csv}", SEVERAL + HTTP))


SHAPE = "expected a listing such as users, several as in [users, leads], or these by destination"
EITHER = "give either pull, such as pull: users, or path"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{contacts: {pull: []}, column: who}", f"match.contacts.pull: {SHAPE}; found an empty list"),
        ("{contacts: {pull: 5}, column: who}", f"match.contacts.pull: {SHAPE}; found a number"),
        (
            "{contacts: {pull: {customerly: [5]}}, column: who}",
            f"match.contacts.pull: {SHAPE}; found keys with values",
        ),
        ("{contacts: {}, column: who}", f"match.contacts: {EITHER}"),
        ("{contacts: {pull: users, path: a.csv}, column: who}", f"match.contacts: {EITHER}"),
        ("{contacts: {pul: users}, column: who}", 'match.contacts: unknown key "pul"; did you mean "pull"?'),
        ("{contacts: {pull: users}}", 'match: "column" is missing'),
        ("{column: who}", 'match: "contacts" is missing'),
        (
            "{contacts: {pull: users}, column: who, colum: x}",
            'match: unknown key "colum"; did you mean "column"?',
        ),
        (
            "{contacts: {pull: users}, column: who, hash: md6}",
            (
                "match.hash: expected one of 'none', 'md5', 'sha1', 'sha256' or 'hmac-sha256'"
                '; found "md6"; '
                'did you mean "md5"?'
            ),
        ),
        (
            "{contacts: {pull: users}, column: who, hash: hmac-sha256}",
            'match: hmac-sha256 needs a "secret", such as secret: "${LIST_SECRET}"',
        ),
        (
            "{contacts: {pull: users}, column: who, hash: md5, secret: marker}",
            'match: a "secret" belongs to hash: hmac-sha256 only',
        ),
        (
            '{contacts: {pull: users}, column: who, hash: hmac-sha256, secret: "${UNSET}"}',
            "match.secret: the environment variable UNSET is not set",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line_and_shows_no_secret(tmp_path: Path, written: str, said: str) -> None:
    told = mistakes(tmp_path, f"{GOOD}match: {written}\n")
    assert told == [f"job.yaml:15: {said}"]
    assert "marker" not in "".join(told)


def test_how_people_are_found_is_part_of_the_digest_secrets_and_paths_are_not(tmp_path: Path) -> None:
    def digest(text: str) -> str:
        return load(tmp_path, GOOD + text).digest

    keyed = "match: {contacts: {path: %s}, column: who, hash: hmac-sha256, secret: %s}\n"
    assert digest(keyed % ("a.csv", "one")) == digest(keyed % ("b.csv", "two"))
    texts = ["", MATCH, MATCH + "  hash: md5\n", MATCH + "  of: email\n", MATCH.replace("users", "leads")]
    assert len({digest(text) for text in texts}) == len(texts)


def test_people_may_be_found_by_everything_that_names_a_contact(tmp_path: Path) -> None:
    by_all = "  identifiers: true\n  hash: hmac-sha256\n  secret: |\n    new\n    old\n"
    found = load(tmp_path, GOOD + MATCH + by_all).match
    assert found is not None
    assert (found.identifiers, found.secrets) == (True, (b"new", b"old"))
    assert "of" not in found.facts()


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("{column: who, contacts: {pull: users}, identifiers: true, of: email}", "exclude each other"),
        (
            "{column: who, contacts: {path: c.csv}, identifiers: true}",
            "identifiers needs contacts: {pull: …}; of a file, say with of what is hashed",
        ),
        (
            "{column: who, contacts: {pull: tags}, identifiers: true}",
            'customerly: it is not known what names "tags", only of users, leads',
        ),
    ],
)
def test_where_it_is_not_known_what_names_contacts_that_is_told(tmp_path: Path, how: str, says: str) -> None:
    (told,) = mistakes(tmp_path, f"{GOOD}match: {how}\n")
    assert says in told
