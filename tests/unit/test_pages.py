"""The pages are true: their commands parse, their links lead somewhere, their tables name what exists."""

import re
from collections import Counter

import pytest
import typer
from pages import PAGES, README, REPOSITORY, Page, page

from bulk.cli.main import app
from bulk.conversation import Status
from bulk.job import match, model
from bulk.ledger.view import EXPORT

EACH = pytest.mark.parametrize("shown", PAGES, ids=lambda shown: shown.name)
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # a group, whose type typer does not export
LONGEST_README = 350


@pytest.mark.parametrize("args", [args for page in PAGES for args in page.bulk_lines], ids=" ".join)
def test_every_command_exists_with_its_options(args: list[str]) -> None:
    COMMANDS[args[0]].make_context(args[0], args[1:])


def test_the_pages_show_every_command_there_is() -> None:
    assert {args[0] for page in PAGES for args in page.bulk_lines} == set(COMMANDS)


def test_the_first_two_sh_blocks_are_one_line_each() -> None:
    sh = [block.text for block in README.blocks if block.kind == "sh"]
    lengths = [text.count("\n") for text in sh]
    assert lengths == [1, 1]
    assert "--sandbox" in sh[0]
    assert "pytest" in sh[1]


def test_the_readme_is_read_to_its_end() -> None:
    assert README.text.count("\n") <= LONGEST_README


def test_every_page_can_be_reached_from_the_readme() -> None:
    linked = {link.partition("#")[0] for link in README.links}
    missing = {page.name for page in PAGES} - {README.name} - linked
    assert not missing


@EACH
def test_its_links_lead_somewhere(shown: Page) -> None:
    dead = []
    for link in shown.links:
        path, _, anchor = link.partition("#")
        target = (shown.path.parent / path).resolve() if path else shown.path
        anchored = not anchor or anchor in Page(target).anchors
        if not target.exists() or not target.is_relative_to(REPOSITORY) or not anchored:
            dead.append(link)
    assert not dead


@EACH
def test_its_headings_have_names_of_their_own(shown: Page) -> None:
    headings = Counter(re.findall(r"^#+ (.*)$", shown.prose, re.MULTILINE))
    assert not [heading for heading, times in headings.items() if times > 1]


@EACH
def test_every_path_it_names_exists(shown: Page) -> None:
    named = re.findall(r"`((?:bulk|tests|jobs|deploy|docs|benchmarks|\.ci)/[^`\s]*)`", shown.text)
    missing = {path for path in named if not list(REPOSITORY.glob(path.rstrip("/")))}
    assert not missing


def first_cells(text: str) -> list[str]:
    """Return what stands in code in the first cells of tables."""
    cells = re.findall(r"^\| (`[^|]*)\|", text, re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def test_the_table_of_keys_is_complete() -> None:
    known = {
        *(f"source.{name}" for name in model.Source.model_fields),
        *(f"steps[].{name}" for name in model.Step.model_fields),
        *(f"….{name}" for name in model.Destination.model_fields if name != "system"),
        *(f"sync.{name}" for name in model.Sync.model_fields),
    }
    shown = {
        name
        for name in first_cells(page("job-file").text)
        if name.startswith(("source.", "steps[].", "….", "sync."))
    }
    assert known == shown


def test_the_table_of_the_match_is_complete() -> None:
    shown = {name.removeprefix("match.") for name in first_cells(page("find-by-hash").text)}
    assert set(match.Match.model_fields) == shown


def test_the_guards_it_lists_are_those_there_are() -> None:
    assert set(model.Guards.model_fields) == set(first_cells(page("job-file").section("Guards")))


def test_the_statuses_and_export_columns_it_lists_are_those_there_are() -> None:
    section = page("semantics").section("Statuses and reasons")
    assert [status.value for status in Status] == re.findall(r"^\| `([a-z]+)` \|", section, re.MULTILINE)
    columns = page("semantics").section("Columns of an export").split("`")[1]
    assert list(EXPORT) == columns.replace("\n", " ").split(", ")
