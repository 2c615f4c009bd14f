"""Hold the house: who may import whom, what stays pure, and how long a module may grow.

The constants below are the rules; the functions under them only compare the code with these.
"""

import ast
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

PACKAGE = "bulk"

# From top to bottom. A component (a module or folder right under bulk/) may import those further down, never
# those above it or beside it. Inside a folder everything may import everything that makes no circle.
LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"__main__"}),
    frozenset({"cli"}),
    frozenset({"api"}),
    frozenset({"prepare"}),
    frozenset({"suppression", "matching", "reaching", "starting"}),
    frozenset({"job"}),
    frozenset({"runner"}),
    frozenset({"report", "verify"}),
    frozenset({"source", "mapping", "plan", "pacing", "transport", "retry", "ledger"}),
    frozenset({"destinations"}),
    frozenset({"conversation"}),
    frozenset({"errors"}),
)

# Stand beside the line: what they may import, and who may import them.
ASIDE_MAY_IMPORT = {
    "": frozenset({"api", "errors", "job"}),  # the package itself offers them to programs, once they are used
    "sandbox": frozenset({"errors"}),
    "listening": frozenset({"webhooks", "errors"}),  # leaves a file behind, which is all that jobs know of it
    "webhooks": frozenset(),
}
ASIDE_IMPORTED_BY = {
    "sandbox": frozenset({"cli", "api"}),
    "listening": frozenset({"cli"}),
    "webhooks": frozenset({"cli", "listening"}),
}

# Third parties that only some components may know.
ONLY_IN = {
    "aiohttp": frozenset({"transport", "sandbox", "listening"}),  # the one client, and the two servers
    "aiolimiter": frozenset({"pacing"}),
    "httptools": frozenset({"transport"}),
    "uvloop": frozenset({"cli"}),
    "prometheus_client": frozenset({"cli"}),
    "opentelemetry": frozenset({"cli"}),
    "typer": frozenset({"cli"}),
    "rich": frozenset({"cli", "report"}),
    "sqlite3": frozenset({"ledger", "source"}),  # a source may be a database
}

# Components that compute and do nothing else, and what they therefore never import.
PURE = frozenset({"mapping", "plan", "conversation", "retry", "destinations", "starting", "webhooks"})
IMPURE = frozenset(
    {"asyncio", "aiohttp", "time", "random", "os", "pathlib", "structlog", "socket", "sqlite3"},
)

# Time and chance are passed in; only these components may reach for them.
AMBIENT = frozenset(
    {
        "time.time",
        "time.time_ns",
        "time.sleep",
        "asyncio.sleep",
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
        "datetime.datetime.today",
        "datetime.date.today",
    },
)
AMBIENT_MODULE = "random"  # its type `random.Random` may be named everywhere, but not called
MAY_USE_AMBIENT = {
    "api": "builds the clock, the sleep and the randomness that are passed down",
    "cli": "builds the clock, the sleep and the randomness that are passed down",
    "sandbox": "is a server with a clock of its own",
}

# What `bulk --help` loads of third parties; a command imports what carries it out inside its function.
START = f"{PACKAGE}.cli.main"
AT_START = frozenset({"typer"})

LONGEST_MODULE = 350
LONGEST_FUNCTION = 60  # without its docstring


@dataclass(frozen=True)
class Import:
    """One imported name: ``target`` is the module it comes from, or the module itself."""

    target: str
    line: int
    at_module_level: bool


@dataclass(frozen=True)
class Module:
    """One source file."""

    name: str
    source: str

    @property
    def component(self) -> str:
        """The module or folder right under the package; empty for the package itself."""
        return component(self.name)

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)


House = Mapping[str, Module]
Rule = Callable[[House], Iterator[str]]


def component(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


def read_house(root: Path) -> House:
    house = {}
    for path in sorted(root.rglob("*.py")):
        parts = (PACKAGE, *path.relative_to(root).with_suffix("").parts)
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        house[name] = Module(name, path.read_text(encoding="utf-8"))
    return house


def build_house(**sources: str) -> House:
    """Build a house of inline sources; ``a__b`` stands for the module ``bulk.a.b``."""
    names = {key: f"{PACKAGE}.{key.replace('__', '.')}" for key in sources}
    return {name: Module(name, sources[key]) for key, name in names.items()}


def imports(module: Module, house: House) -> Iterator[Import]:
    top = set(_module_level(module.tree))
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, node in top)
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            for alias in node.names:
                submodule = f"{origin}.{alias.name}"
                yield Import(submodule if submodule in house else origin, node.lineno, node in top)


def _module_level(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield what runs when the module is imported, without what only type checkers read."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting.extend(node.orelse)
            continue
        if isinstance(node, ast.stmt):
            yield node
        waiting.extend(ast.iter_child_nodes(node))


def all_imports(house: House) -> Iterator[tuple[Module, Import]]:
    for module in house.values():
        for found in dict.fromkeys(imports(module, house)):
            yield module, found


def every_module_says_its_job_in_one_sentence(house: House) -> Iterator[str]:
    for module in house.values():
        lines = (ast.get_docstring(module.tree) or "").splitlines()
        if not lines or not lines[0].endswith("."):
            yield f"{module.name}: the first line of its docstring is not a sentence with a full stop"


def every_component_has_a_place(house: House) -> Iterator[str]:
    known = frozenset[str]().union(*LAYERS) | ASIDE_MAY_IMPORT.keys() | {""}
    for name in sorted({module.component for module in house.values()} - known):
        yield f"{PACKAGE}.{name}: stands in no layer; give it a place at the top of this file"


def imports_go_down(house: House) -> Iterator[str]:
    for module, found in all_imports(house):
        if found.target.startswith("."):
            yield f"{module.name}:{found.line}: imports are absolute"
        elif found.target.startswith(f"{PACKAGE}."):
            upper, lower = module.component, component(found.target)
            if upper != lower and not _may_import(upper, lower):
                yield f"{module.name}:{found.line}: {upper or PACKAGE} must not import {lower}"


def _may_import(upper: str, lower: str) -> bool:
    if upper in ASIDE_MAY_IMPORT:
        return lower in ASIDE_MAY_IMPORT[upper]
    if lower in ASIDE_IMPORTED_BY:
        return upper in ASIDE_IMPORTED_BY[lower]
    return _depth(upper) < _depth(lower)


def _depth(name: str) -> int:
    """Return the layer's number; the package itself stands below all, so that anyone may ask its version."""
    return next((depth for depth, layer in enumerate(LAYERS) if name in layer), len(LAYERS))


def third_parties_stay_where_they_belong(house: House) -> Iterator[str]:
    for module, found in all_imports(house):
        party = found.target.split(".")[0]
        if module.component not in ONLY_IN.get(party, {module.component}):
            yield f"{module.name}:{found.line}: only {', '.join(sorted(ONLY_IN[party]))} may import {party}"


def the_command_line_starts_light(house: House) -> Iterator[str]:
    known = sys.stdlib_module_names | AT_START | {PACKAGE}
    for name in sorted(_loaded_at_start(house)):
        for found in imports(house[name], house):
            party = found.target.split(".")[0]
            if found.at_module_level and party not in known:
                yield f"{name}:{found.line}: {party} is loaded by every command, and by --help"


def _loaded_at_start(house: House) -> set[str]:
    loaded, waiting = set[str](), {START} & house.keys()
    while waiting:
        loaded |= waiting
        targets = {
            found.target for name in waiting for found in imports(house[name], house) if found.at_module_level
        }
        waiting = set[str]().union(*map(_loaded_by, targets)) & house.keys() - loaded
    return loaded


def _loaded_by(name: str) -> set[str]:
    """Return a module and the packages it stands in."""
    parts = name.split(".")
    return {".".join(parts[:end]) for end in range(1, len(parts) + 1)}


def pure_components_touch_nothing(house: House) -> Iterator[str]:
    for module, found in all_imports(house):
        if module.component in PURE and found.target.split(".")[0] in IMPURE:
            yield f"{module.name}:{found.line}: {module.component} is pure and must not import {found.target}"


def time_and_chance_are_passed_in(house: House) -> Iterator[str]:
    for module in house.values():
        if module.component not in MAY_USE_AMBIENT:
            for line, name in _ambient(module.tree):
                yield f"{module.name}:{line}: {name} is passed in, not reached for"


def _ambient(tree: ast.Module) -> Iterator[tuple[int, str]]:
    names = _imported_names(tree)
    called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            first, dot, rest = ast.unparse(node).partition(".")
            meant = names.get(first, "") + dot + rest
            drawn = meant.rpartition(".")[0] == AMBIENT_MODULE and (
                meant != "random.Random" or node in called
            )
            if meant in AMBIENT or drawn:
                yield node.lineno, meant


def _imported_names(tree: ast.Module) -> dict[str, str]:
    """Return what each imported name stands for."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.split(".")[0]
                names[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imports_make_no_circle(house: House) -> Iterator[str]:
    below = {
        name: {found.target for found in imports(module, house) if found.at_module_level}
        & house.keys() - {name}
        for name, module in house.items()
    }
    while leaves := {name for name, targets in below.items() if not targets}:
        below = {name: targets - leaves for name, targets in below.items() if name not in leaves}
    if below:
        yield f"in or above a circle of imports: {', '.join(sorted(below))}"


def modules_and_functions_stay_small(house: House) -> Iterator[str]:
    for module in house.values():
        lines = module.source.count("\n")
        if lines > LONGEST_MODULE:
            yield f"{module.name}: {lines} lines, more than {LONGEST_MODULE}"
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = _length(node)
                if length > LONGEST_FUNCTION:
                    yield f"{module.name}.{node.name}: {length} lines, more than {LONGEST_FUNCTION}"


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[0]
    documented = ast.get_docstring(function, clean=False) is not None
    docstring = (first.end_lineno or first.lineno) - first.lineno + 1 if documented else 0
    return (function.end_lineno or function.lineno) - function.lineno + 1 - docstring


RULES: tuple[Rule, ...] = (
    every_module_says_its_job_in_one_sentence,
    every_component_has_a_place,
    imports_go_down,
    third_parties_stay_where_they_belong,
    the_command_line_starts_light,
    pure_components_touch_nothing,
    time_and_chance_are_passed_in,
    imports_make_no_circle,
    modules_and_functions_stay_small,
)


@pytest.fixture(scope="module")
def house() -> House:
    found = read_house(Path(__file__).parent.parent / PACKAGE)
    assert f"{PACKAGE}.conversation" in found
    return found


@pytest.mark.parametrize("rule", RULES)
def test_the_house_keeps_the_rule(house: House, rule: Rule) -> None:
    assert list(rule(house)) == []


LONG_FUNCTION = "def f():\n    '''Say\n    it.'''\n" + "    g()\n" * LONGEST_FUNCTION

BREACHES: tuple[tuple[Rule, dict[str, str]], ...] = (
    (every_module_says_its_job_in_one_sentence, {"plan": ""}),
    (every_module_says_its_job_in_one_sentence, {"plan": "'''Say it\n\nlater.'''"}),
    (every_component_has_a_place, {"helpers": ""}),
    (imports_go_down, {"plan": "from bulk.runner import pump"}),
    (imports_go_down, {"plan": "import bulk.mapping"}),
    (imports_go_down, {"plan": "def f():\n    from bulk import mapping", "mapping": ""}),
    (imports_go_down, {"report": "from bulk.verify import x"}),
    (imports_go_down, {"destinations__http": "from bulk.retry import x"}),
    (imports_go_down, {"source__csv": "from . import rows"}),
    (imports_go_down, {"runner": "from bulk.sandbox import serve"}),
    (imports_go_down, {"sandbox__server": "from bulk.conversation import Status"}),
    (imports_go_down, {"listening__file": "from bulk.source import rows"}),
    (imports_go_down, {"runner": "from bulk.listening import serve"}),
    (imports_go_down, {"webhooks__customerio": "from bulk.listening import file", "listening__file": ""}),
    (imports_go_down, {"errors": "from bulk.cli import main"}),
    (imports_go_down, {"api__running": "from bulk.cli.loop import runner"}),
    (third_parties_stay_where_they_belong, {"runner": "import aiohttp.web"}),
    (third_parties_stay_where_they_belong, {"plan": "from rich.table import Table"}),
    (the_command_line_starts_light, {"cli__main": "import orjson"}),
    (the_command_line_starts_light, {"cli__main": "import bulk.cli.run", "cli__run": "import polars as pl"}),
    (
        the_command_line_starts_light,
        {
            "cli__main": "import bulk.cli.run",
            "cli__run": "from bulk.job.a import b",
            "job": "import yaml",
            "job__a": "",
        },
    ),
    (pure_components_touch_nothing, {"plan": "import os.path"}),
    (pure_components_touch_nothing, {"destinations__http": "from asyncio import sleep"}),
    (time_and_chance_are_passed_in, {"ledger": "import time as t\nt.time()"}),
    (time_and_chance_are_passed_in, {"runner": "from asyncio import sleep\nasync def f(s=sleep): ..."}),
    (time_and_chance_are_passed_in, {"pacing": "import random\nrandom.uniform(0, 1)"}),
    (time_and_chance_are_passed_in, {"retry": "from random import uniform\nuniform(0, 1)"}),
    (time_and_chance_are_passed_in, {"retry": "import random\nrandom.Random()"}),
    (time_and_chance_are_passed_in, {"plan": "import datetime as dt\ndt.datetime.now(dt.UTC)"}),
    (time_and_chance_are_passed_in, {"plan": "from datetime import date\ndate.today()"}),
    (imports_make_no_circle, {"plan": "import bulk.source", "source": "from bulk.plan import x"}),
    (
        imports_make_no_circle,
        {
            "source": "from bulk.source import a",
            "source__a": "from bulk.source import b",
            "source__b": "import bulk.source",
        },
    ),
    (modules_and_functions_stay_small, {"plan": "\n" * (LONGEST_MODULE + 1)}),
    (modules_and_functions_stay_small, {"plan": LONG_FUNCTION}),
)


@pytest.mark.parametrize(("rule", "sources"), BREACHES)
def test_a_breach_is_found_once(rule: Rule, sources: dict[str, str]) -> None:
    assert len(list(rule(build_house(**sources)))) == 1


ALLOWED: tuple[tuple[Rule, dict[str, str]], ...] = (
    (every_module_says_its_job_in_one_sentence, {"plan": "'''Say it.\n\nAnd more'''"}),
    (
        imports_go_down,
        {"runner": "from bulk.source import rows", "source__csv": "from bulk.source.rows import x"},
    ),
    (imports_go_down, {"cli__run": "import bulk.sandbox", "sandbox": "from bulk.errors import UsageError"}),
    (imports_go_down, {"ledger": "from bulk import __version__"}),
    (third_parties_stay_where_they_belong, {"transport": "import aiohttp", "ledger": "import sqlite3"}),
    (
        the_command_line_starts_light,
        {
            "cli__main": "import os, typer\nfrom bulk.cli.run import run",
            "cli__run": "def run():\n    from bulk.job import load",
            "job": "import yaml",
        },
    ),
    (pure_components_touch_nothing, {"plan": "import polars", "runner": "import asyncio"}),
    (time_and_chance_are_passed_in, {"cli": "import time\ntime.time()", "plan": "def f(time): time.time()"}),
    (time_and_chance_are_passed_in, {"runner": "import time\nclock = time.monotonic"}),
    (
        time_and_chance_are_passed_in,
        {"pacing": "import random\ndef f(chance: random.Random): chance.random()"},
    ),
    (
        imports_make_no_circle,
        {"plan": "def f():\n    import bulk.source", "source": "import bulk.plan\nimport bulk.source"},
    ),
    (
        imports_make_no_circle,
        {
            "plan": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import bulk.source",
            "source": "import bulk.plan",
        },
    ),
    (modules_and_functions_stay_small, {"plan": LONG_FUNCTION.replace("    g()\n", "", 1)}),
    (modules_and_functions_stay_small, {"plan": "\n" * LONGEST_MODULE}),
)


@pytest.mark.parametrize(("rule", "sources"), ALLOWED)
def test_what_is_allowed_is_left_alone(rule: Rule, sources: dict[str, str]) -> None:
    assert list(rule(build_house(**sources))) == []
