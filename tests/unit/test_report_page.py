import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from erasure_ledgers import begin_erasures, erase_three
from ledgers import BAD, FACTS, GOOD, add_pass, begin, entry

from bulk.conversation import Status, Verdict
from bulk.ledger import Entry, Ledger
from bulk.ledger.record import reading
from bulk.ledger.view import View
from bulk.report.advice import advice
from bulk.report.evidence import Issued, statement
from bulk.report.page import ledger_page
from bulk.report.summary import MOST_KINDS, kinds

LOST = Verdict(Status.UNKNOWN, "timeout", error_message="no answer within 30 s")
RUN = {
    "version": "1.2",
    "python": "3.11.9",
    "platform": "Linux x86_64",
    "settings": ["destinations.here.rate"],
    "limit": 7,
    "job": {"destinations": {"here": {"rate": "10/s", "host": "api.acme.test"}}, "steps": {}, "guards": {}},
}


class Page(HTMLParser):
    """What a page is made of: elements, ids, references to ids, and whether all are closed in their order."""

    VOID = frozenset({"meta", "br", "rect", "path"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def every(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sync.ledger"


@pytest.fixture
def ledger(path: Path) -> Ledger:
    """Two runs over ten rows, a pause in the first, and something of every status."""
    made = Ledger(path)
    add_pass(made, 10, {1: ("rejected", "bad_value", "no date"), 2: ("skipped", "filtered", "")})
    made.begin_run(1000.0, RUN)
    made.commit([entry(3, 5), entry(6, 6, BAD)])
    made.end_run(1010.0, 4, {"pauses": {"here": [[1001.0, 1004.0]]}})
    made.begin_run(2000.0, RUN)
    made.commit([Entry(0, 7, 8, GOOD, 3, 2000.0, 2001.0), entry(9, 9, LOST, at=2002.0)])
    return made


def page_of(path: Path) -> str:
    with View(path) as view:
        return ledger_page(view, 3000.0, "1.2")


def test_the_page_asks_for_nothing_from_elsewhere_and_runs_nothing(ledger: Ledger, path: Path) -> None:
    ledger.close()

    text = page_of(path)

    page = Page(text)
    assert page.open == []
    assert not {name for name, _ in page.elements} & {"script", "link", "img", "iframe", "object", "use"}
    attributes = {name for _, found in page.elements for name in found}
    assert not attributes & {"src", "href", "xlink:href", "srcset", "http-equiv"}
    assert not [name for name in attributes if name.startswith("on")]
    assert not re.search(r"@import|url\(|https?://", text)


def test_every_drawing_has_a_name_a_description_and_its_figures_as_a_table(
    ledger: Ledger, path: Path
) -> None:
    ledger.close()

    page = Page(page_of(path))

    ids = [str(found["id"]) for _, found in page.elements if "id" in found]
    assert len(ids) == len(set(ids))
    drawings = page.every("svg")
    assert [found["role"] for found in drawings] == ["img", "img"]
    assert all(set(str(found["aria-labelledby"]).split()) <= set(ids) for found in drawings)
    assert len(page.every("details")) == 1


def test_the_counts_on_the_page_add_up(ledger: Ledger, path: Path) -> None:
    ledger.close()

    text = page_of(path)

    table = text[text.index("<h2>Outcomes") : text.index("<h2>What comes next")]
    counts = [int(count) for count in re.findall(r'<td class="number">(\d+)</td>', table)]
    assert counts == [5, 1, 1, 1, 1, 1, 10]
    assert sum(counts[:-1]) == counts[-1]


def test_the_page_tells_versions_settings_tries_gaps_and_pauses(ledger: Ledger, path: Path) -> None:
    ledger.close()

    text = page_of(path)

    for told in (
        "Python 3.11.9",
        "Linux x86_64",
        "--set destinations.here.rate",
        "--limit 7",
        "<dt>destinations.here.rate</dt><dd>10/s</dd>",
        "no run was under way for",
        "wanted no requests: 1, together 3 s",
        '<td class="number">3</td><td class="number">2</td>',
    ):
        assert told in text


def test_what_a_destination_said_is_not_on_the_page_but_what_we_say_is(ledger: Ledger, path: Path) -> None:
    ledger.commit([entry(10, 10, replace(BAD, error_message="the user Marker is not valid"))])
    ledger.close()

    text = page_of(path)

    assert "Marker" not in text
    assert "no date" in text
    assert "no answer within 30 s" in text


def test_names_from_a_ledger_are_text_on_the_page(path: Path) -> None:
    begin(path, 2, facts=replace(FACTS, job="<script>x</script>")).close()

    assert "<script>" not in page_of(path)


def test_settings_that_no_run_notes_do_no_harm(path: Path) -> None:
    deep: dict[str, object] = {"a": "buried"}
    for _ in range(200):
        deep = {"a": deep}
    ledger = begin(path, 1)
    ledger.begin_run(1010.0, {"version": [1], "settings": 7, "job": {"steps": deep, "guards": [deep, "x"]}})
    ledger.close()

    text = page_of(path)

    assert "<dt>guards</dt><dd>x</dd>" in text
    assert "buried" not in text


def test_a_page_of_an_empty_pass_says_that_nothing_settled(path: Path) -> None:
    begin(path, 0).close()

    assert "Nothing settled yet." in page_of(path)


def test_the_page_of_an_erasure_has_its_requests_and_deadlines(path: Path) -> None:
    ledger = begin_erasures(path)
    erase_three(ledger)
    ledger.close()
    with reading(path) as reader:
        made = statement(reader.record(), Issued(1100.0, "1.2", 0, ""))

    with View(path) as view:
        text = ledger_page(view, 1100.0, "1.2", made)

    assert Page(text).open == []
    assert "<h2>Deadlines</h2>" in text
    assert all(reference in text for reference in ("T-1", "T-2", "T-3"))


def test_failures_are_told_apart_by_reason_http_status_and_code(path: Path) -> None:
    ledger = begin(path, 9)
    ledger.commit([entry(1, 4, BAD), entry(5, 5, replace(BAD, http_status=409, error_code="taken"))])
    ledger.commit([entry(6, 7, replace(BAD, http_status=None)), entry(8, 8, replace(BAD, http_status=409))])
    ledger.close()

    with View(path) as view:
        found, left_out = kinds(view.steps[0])

    told = ("reason", "http_status", "error_code", "rows", "first")
    assert [tuple(one[name] for name in told) for one in found] == [
        ("refused", 422, "", 4, [1, 2, 3, 4]),
        ("refused", None, "", 2, [6, 7]),
        ("refused", 409, "", 1, [8]),
        ("refused", 409, "taken", 1, [5]),
    ]
    assert left_out == 0


def test_so_many_kinds_of_failures_are_told_and_no_more(path: Path) -> None:
    ledger = begin(path, 60)
    ledger.commit([entry(row, row, replace(BAD, error_code=f"e{row}")) for row in range(1, 61)])
    ledger.close()

    with View(path) as view:
        found, left_out = kinds(view.steps[0])

    assert (len(found), left_out) == (MOST_KINDS, 60 - MOST_KINDS)


def test_advice_names_the_ledger_and_what_can_be_sent_again(ledger: Ledger, path: Path) -> None:
    ledger.close()
    other = path.rename(path.with_name("other.ledger"))

    with View(other) as view:
        commands = [one["command"] for one in advice(view)]

    assert commands == [
        "bulk run JOB --ledger other.ledger",
        "bulk export other.ledger -o failed.csv --status failed,rejected --with-source",
        "bulk run JOB --ledger other.ledger --retry failed",
        "bulk run JOB --ledger other.ledger --retry unknown",
        "bulk export other.ledger -o outcomes.csv",
    ]


def test_where_only_read_backs_are_missing_the_advice_is_to_verify(path: Path) -> None:
    ledger = begin(path, 1)
    ledger.commit([entry(1, 1, Verdict(Status.PENDING, http_status=200, verification="pending"))])
    ledger.close()

    with View(path) as view:
        assert next(advice(view))["command"] == "bulk verify sync.ledger"
