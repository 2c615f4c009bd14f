"""Who is told of a run, as a pydantic model."""

import binascii
from base64 import b64decode
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from bulk.destinations.http.settings import check_names
from bulk.destinations.http.templates import header_problem
from bulk.job.forms import http_url
from bulk.job.part import Part

_SIGNING = "whsec_"
"""Begins a signing secret, as the Standard Webhooks specification has it."""
_LOCAL_NAME = "localhost"


def _webhook(given: str) -> str:
    given = http_url(given, "headers")
    if not given.isascii() or not given.isprintable() or " " in given or "#" in given:
        raise ValueError("expected a URL of printable ASCII, without spaces and without #")
    try:
        parts = urlsplit(given)
        reachable = parts.hostname and parts.port != 0
    except ValueError:
        reachable = False
    if not reachable:
        raise ValueError("expected a URL with a host, such as https://example.com/hook")
    return given


def _headers(given: dict[str, str]) -> dict[str, str]:
    check_names(given)
    if any(header_problem(value) for value in given.values()):
        raise ValueError("a header holds printable ASCII only")
    return given


def _signing(given: str) -> str:
    try:
        key = b64decode(given.removeprefix(_SIGNING), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not given.startswith(_SIGNING) or not key:
        raise ValueError("expected whsec_ and behind it the key in base64")
    return given


class Notify(Part):
    """A webhook that is told how every run ended."""

    webhook: Annotated[str, AfterValidator(_webhook)] = Field(
        repr=False, description="Where a run's summary is posted, as JSON; mostly a secret: ${RUN_WEBHOOK}."
    )
    outcomes: bool = Field(default=False, description="Whether every outcome is posted as well.")
    headers: Annotated[dict[str, str], AfterValidator(_headers)] = Field(
        default={}, repr=False, description="Headers sent with it, such as Authorization."
    )
    secret: Annotated[str, AfterValidator(_signing)] | None = Field(
        default=None, repr=False, description="Signs what is posted (Standard Webhooks): whsec_ and base64."
    )

    @property
    def parts(self) -> tuple[str, str]:
        """The webhook's scheme and host, and its path with the query."""
        url = urlsplit(self.webhook)
        return f"{url.scheme}://{url.netloc}", (url.path or "/") + (f"?{url.query}" if url.query else "")

    @property
    def key(self) -> bytes | None:
        """What signs; None if nothing is signed."""
        return None if self.secret is None else b64decode(self.secret.removeprefix(_SIGNING))

    @property
    def is_local(self) -> bool:
        """Whether the webhook is on this machine."""
        host = urlsplit(self.webhook).hostname or ""
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == _LOCAL_NAME

    def __str__(self) -> str:
        told = "the run's summary and every outcome" if self.outcomes else "the run's summary"
        return f"a webhook is told {told}"
