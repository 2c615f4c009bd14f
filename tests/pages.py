"""The README and the pages of docs/, as the tests read them."""

import re
import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"# ([a-z-]+\.yaml)\n")
ENDS_WITH = re.compile(r" # ends with (\d+)$")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: ``console`` is run by a test, ``sh`` and ``bash`` are only parsed."""

    kind: str
    text: str

    @property
    def commands(self) -> list[str]:
        return [line.removeprefix("$ ") for line in self.text.splitlines()]


@dataclass(frozen=True)
class Page:
    """A page of the documentation."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(REPOSITORY).as_posix()

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def prose(self) -> str:
        """The text without its fenced blocks."""
        return FENCED.sub("", self.text)

    @cached_property
    def blocks(self) -> list[Block]:
        return [Block(*found) for found in FENCED.findall(self.text)]

    @property
    def console(self) -> list[str]:
        """The commands that a reader can type one after the other."""
        return [command for block in self.blocks if block.kind == "console" for command in block.commands]

    @property
    def bulk_lines(self) -> list[list[str]]:
        """The arguments of every `bulk …` of the blocks, also within a longer line."""
        lines = [
            line
            for block in self.blocks
            if block.kind in {"sh", "bash", "console"}
            for line in block.commands
        ]
        # Behind an image's name, which is `bulk` too, stand the arguments of the container's entry point.
        found = [re.search(r"(?:^|\s)bulk ([a-z]+(?: .*)?)$", line) for line in lines]
        return [words(match[1]) for match in found if match]

    @property
    def files(self) -> dict[str, str]:
        """The job files that it shows, by their name, which their first line tells."""
        jobs = [(NAMED.match(block.text), block.text) for block in self.blocks if block.kind == "yaml"]
        return {name[1]: text for name, text in jobs if name}

    @property
    def links(self) -> list[str]:
        """Where it leads to, beside the web."""
        return re.findall(r"\]\((?!https?:)([^)\s]+)\)", self.prose)

    @cached_property
    def anchors(self) -> set[str]:
        """The names of its headings, as GitHub makes them."""
        return {_anchor(heading) for heading in re.findall(r"^#+ (.*)$", self.prose, re.MULTILINE)}

    def section(self, heading: str) -> str:
        """Return what stands under a heading, until the next one."""
        _, found, rest = self.text.partition(f"# {heading}\n")
        if not found:
            raise AssertionError(f"{self.name} has no section {heading!r}")
        return re.split(r"^#{1,6} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def words(command: str) -> list[str]:
    """Return the words of a command, up to a pipe, a redirection or another command."""
    words = shlex.split(command, comments=True)
    ends = [at for at, word in enumerate(words) if word in {"|", ">", ">>", "&", "&&", ";"}]
    return words[: min(ends, default=len(words))]


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def ends_with(command: str) -> int:
    """Return the exit code that a command of a console block says of itself; 0 if it says nothing."""
    said = ENDS_WITH.search(command)
    return int(said[1]) if said else 0


README = Page(REPOSITORY / "README.md")
PAGES = [README, *map(Page, sorted((REPOSITORY / "docs").glob("*.md")))]


def page(name: str) -> Page:
    """Return a page of docs/ by its name, without suffix."""
    return next(page for page in PAGES if page.path.stem == name)
