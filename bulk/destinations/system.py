"""A kind of destination: where it is, what it needs to know, what it can do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bulk.conversation import Meaning, Request, Response
from bulk.destinations.listing import Listing
from bulk.destinations.operation import Naming, Operation


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret a system needs.

    Attributes:
        option: Its key under ``auth:``; a dot leads to a key below a key.
        variable: The environment variable that holds it by default; empty if there is none.
        surface: The further surface it opens, which is not used without it; empty for the main one.
        required: Whether the main surface cannot be used without it.
        secret: Whether it must never show.
    """

    option: str
    variable: str
    surface: str = ""
    required: bool = True
    secret: bool = True


@dataclass(frozen=True, slots=True)
class Surface:
    """A further host of a system, with credentials and a rate of its own.

    Attributes:
        base_url: Where it is, given the settings and the main surface's base URL.
        rate: Its rate as in a job file, given the settings; None finds it by trying.
        headers: Credentials and settings to request headers.
    """

    base_url: Callable[[Any, str], str]
    rate: Callable[[Any], str | None]
    headers: Callable[[Mapping[str, str], Any], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Probe:
    """A harmless request that proves something, and what its answer says: a problem, or None.

    Attributes:
        proves: What is true if there is no problem, in a few words.
        request: What is sent.
        problem: What an answer says: a problem in a sentence, or None.
    """

    proves: str
    request: Request
    problem: Callable[[Response], str | None]


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer means for the run, and why, in a sentence without personal data."""

    meaning: Meaning
    why: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a system is used, for its probes.

    Attributes:
        base_url: As the job has it.
        settings: The destination's own options.
        operations: Names of the operations it is used for.
        surfaces: Further surfaces whose credentials are set.
    """

    base_url: str
    settings: Any
    operations: frozenset[str] = frozenset()
    surfaces: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class System:
    """A kind of destination.

    Attributes:
        name: As in the job file.
        base_url: Where its API is by default; empty if a job must say it.
        hosts: Pattern of the host names at which this system answers.
        credentials: What it needs to know.
        settings: Frozen dataclass of the system's own options, each with a safe default.
        headers: Credentials and settings to request headers.
        read: What an answer means for the run, where its status alone does not say it; else None.
        probes: Requests that prove credentials, region and roles without changing anything.
        operations: By name.
        rate: The rate where a job declares none; None finds it by trying.
        preflight: A probe that must find no problem before anything that can never be undone is sent.
        pinned: Whether the settings say which account it must be: then that is asked before anything is sent.
        surfaces: Further surfaces by name.
        listings: What can be listed, by name.
        budget_period: Seconds over which a budget told by headers is counted, if they do not say.
    """

    name: str
    base_url: str
    hosts: str
    credentials: tuple[Credential, ...]
    settings: type[Any]
    headers: Callable[[Mapping[str, str], Any], Mapping[str, str]]
    read: Callable[[Response], Reading | None]
    probes: Callable[[Place], Sequence[Probe]]
    operations: Mapping[str, Operation]
    rate: str | None = None
    preflight: Callable[[Place], Probe] | None = None
    pinned: Callable[[Any], bool] = lambda _settings: False
    surfaces: Mapping[str, Surface] = field(default_factory=dict)
    listings: Mapping[str, Listing] = field(default_factory=dict)
    budget_period: float | None = None

    @property
    def namings(self) -> Mapping[str, Naming]:
        """What yields everything that names a listed contact, by listing, as far as that is known."""
        erasing = [one.erasing for one in self.operations.values() if one.erasing is not None]
        return {listing: naming for one in erasing for listing, naming in one.contacts.items()}
