from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from dataclasses import replace as changed
from typing import Any, Literal

import polars as pl
import pytest

from bulk.cli.describing import describe
from bulk.cli.describing_fields import attributes_of
from bulk.conversation import Batch, Conversation
from bulk.destinations import SYSTEMS
from bulk.destinations.fields import Field, Kind
from bulk.destinations.listing import Listed, Listing, Query
from bulk.destinations.operation import Batching, Effect, Operation
from bulk.destinations.system import Credential, Surface
from bulk.errors import UsageError


def converse(_batch: Batch, _terms: Any) -> Conversation:
    raise NotImplementedError


def pages(_query: Query, _settings: Any) -> Listed:
    raise NotImplementedError


@dataclass(frozen=True)
class At:
    path: str
    index: str


@dataclass(frozen=True)
class Options:
    """The step's own options.

    Attributes:
        create_missing: Whether people who are
            ``missing`` are made.
        method: How.

    More words, which are: not an attribute.
    """

    create_missing: bool = False
    method: Literal["PUT", "POST"] = "PUT"
    path: str | None = None
    codes: tuple[int, ...] = (200, 201)
    errors: At | None = field(default=None, metadata={"about": "Where errors stand."})
    headers: Mapping[str, str] = field(default_factory=dict, metadata={"about": "Headers to send."})


SUFFIXES = {"Str": Field("Str", Kind.TEXT, "Text.", "suffix fact", max_chars=1024)}
TOKEN = Field("id", Kind.IDENTIFIER, "Its token.", "member fact", required=True)
OPERATION = Operation(
    name="do",
    about="Do it.",
    fields=(
        Field("must", Kind.EMAIL, "The address.", "must fact", required=True),
        Field("one", Kind.TEXT, "One.", "one fact", choices=("a", "b")),
        Field("other", Kind.PHONE, "Other.", "other fact"),
        Field("tags", Kind.TEXTS, "Tags.", "tags fact", max_items=20, pattern="[a-z]+"),
        Field("device", Kind.OBJECT, "A device.", "device fact", members=(TOKEN,)),
        Field("custom", Kind.OBJECT, "Custom.", "custom fact", suffixes=SUFFIXES, member_max_bytes=1500),
        Field("unsubscribed", Kind.BOOLEAN, "Consent.", "consent fact", consent=False),
    ),
    effect=Effect.WRITES,
    converse=converse,
    fact="operation fact",
    one_of=("one",),
    also_one_of=("other",),
    batching=Batching(50, 1000, max_bytes=500_000, item_bytes=32_000, group=pl.col("x")),
    adds=True,
    repeatable=False,
    irreversible=True,
    warning="It bites.",
    options=Options,
    surfaces=("app",),
)
SYSTEM = changed(
    SYSTEMS["customerly"],
    name="acme",
    base_url="",
    credentials=(Credential("token", "ACME_TOKEN"), Credential("app", "ACME_APP", surface="app")),
    settings=Options,
    operations={"do": OPERATION, "any": changed(OPERATION, name="any", fields=(), options=None)},
    surfaces={"app": Surface(lambda *_given: "", lambda _settings: None, lambda _auth, _settings: {})},
    listings={
        "people": Listing(
            "people", "Everybody.", pages, str, by=("email",), options={"segment": "Only its members."}
        )
    },
)


def described(system: str, operation: str | None = None) -> str:
    """Return a page with its line breaks and columns taken out."""
    page = describe(system, operation, {SYSTEM.name: SYSTEM})
    assert max(map(len, page.splitlines())) <= 100
    return " ".join(page.split())


@pytest.mark.parametrize(
    "said",
    [
        "Beware: It bites.",
        "50 records each unless the step says otherwise, at most 1000;",
        "at most 500,000 bytes of records;",
        "only records that agree in what the request says of them all share one;",
        "a record longer than 32,000 bytes is rejected",
        "sent twice not harmless: an unanswered request ends as unknown",
        "undone never",
        "approval needed: --yes, --confirm, or a typed count",
        "duplicates keep_all by default",
        "surfaces cannot do without app",
        "known from operation fact",
        "fields that every record needs must email. The address. known from: must fact",
        "fields of which every record needs one one text, one of a, b. One.",
        "fields of which every record needs one other phone number. Other.",
        "tags list of text, of the form [a-z]+, at most 20 items. Tags.",
        "device.id identifier, required. Its token.",
        "custom object, member names of at most 1,500 bytes, member names that end in Str. Custom.",
        "custom.…Str text, at most 1,024 characters. Text.",
        "unsubscribed boolean, false is left out unless the step says resubscribe: true.",
        "options of the step create_missing true or false, default false. Whether people who",
        "default false. Whether people who are missing are made.",
        "method PUT or POST, default PUT. How.",
        "path text or nothing, default none.",
        "codes list of whole number, default 200, 201.",
        "headers object, default none. Headers to send.",
        "errors object of path, index or nothing, default none. Where errors stand.",
    ],
)
def test_an_operation_is_told_with_all_that_is_known_of_it(said: str) -> None:
    assert said in described("acme", "do")


@pytest.mark.parametrize(
    "said",
    [
        "duplicates keep_all by default",
        "looked up first, and whom the identifiers do not mean for certain is left alone",
        "by hand Customerly's help says that its API does not delete contacts permanently",
        "verify object of wait or none, default {wait: 60s}. People are read back until they are gone",
        "matches certain or all, default certain.",
    ],
)
def test_an_operation_that_erases_people_tells_how_it_goes_about_it(said: str) -> None:
    assert said in " ".join(describe("customerly", "erase_person").split())


def test_options_are_told_with_those_they_are_made_from() -> None:
    page = " ".join(describe("customerio", "erase_person").split())

    assert "matches certain or all, default certain. certain erases only" in page
    assert "block true or false, default true. Whether people are suppressed" in page
    assert "cannot do without app; or let the step say verify: none" in page


def test_an_operation_that_takes_any_field_says_so() -> None:
    assert "fields: any, named as the API names them" in described("acme", "any")
    assert "options of the step" not in described("acme", "any")


@pytest.mark.parametrize(
    "said",
    [
        "acme the job says where it is: base_url",
        "auth.token ACME_TOKEN auth.app ACME_APP, for the surface app, optional",
        "app needed by do, any",
        "settings of the destination create_missing true or false, default false.",
        "do Do it. Needs approval.",
        "bulk pull acme KIND people Everybody. Single ones by email. segment: Only its members.",
    ],
)
def test_a_system_is_told_with_its_surfaces_settings_and_listings(said: str) -> None:
    assert said in described("acme")


def test_only_what_a_docstring_says_of_attributes_is_read() -> None:
    assert attributes_of(Options) == {
        "create_missing": "Whether people who are missing are made.",
        "method": "How.",
    }
    assert attributes_of(int) == {}


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_and_operation_can_be_told(name: str) -> None:
    system = SYSTEMS[name]

    assert all(operation in describe(name, None) for operation in system.operations)
    for operation in system.operations.values():
        page = describe(name, operation.name)
        assert all(each.name in page and each.fact.split()[0] in page for each in operation.fields)


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_option_says_what_it_means(name: str) -> None:
    system = SYSTEMS[name]
    documented = [system.settings, *(each.options for each in system.operations.values() if each.options)]

    silent = [
        f"{options.__name__}.{option.name}"
        for options in documented
        for option in fields(options)
        if not (option.metadata.get("about") or attributes_of(options).get(option.name))
    ]

    assert silent == []


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("acne",), 'unknown system "acne"; did you mean "acme"?'),
        (("acme", "don"), 'acme has no operation "don"; did you mean "do"?'),
    ],
)
def test_a_name_that_is_not_known_is_told_with_the_nearest(names: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        described(*names)
