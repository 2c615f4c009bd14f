"""Customerly as data: credentials, probes, and what it can do."""

from collections.abc import Mapping

from bulk.conversation import Meaning, Request, Response
from bulk.destinations.customerly import attributes, contacts, knowledge, messages, tags
from bulk.destinations.customerly.answers import error_message, is_success, read
from bulk.destinations.customerly.erase import ERASE
from bulk.destinations.customerly.listings import LISTINGS
from bulk.destinations.customerly.settings import CustomerlySettings
from bulk.destinations.system import Credential, Probe, System

_OPERATIONS = (
    *contacts.OPERATIONS,
    *attributes.OPERATIONS,
    *tags.OPERATIONS,
    *messages.OPERATIONS,
    *knowledge.OPERATIONS,
    ERASE,
)


def _headers(auth: Mapping[str, str], settings: CustomerlySettings) -> dict[str, str]:
    if settings.auth_header == "legacy":
        return {"Authentication": f"AccessToken: {auth['token']}"}
    return {"Authorization": f"Bearer {auth['token']}"}


def _probe_problem(response: Response) -> str | None:
    reading = read(response)
    if reading is not None and reading.meaning is Meaning.STOP:
        return reading.why
    if is_success(response):
        return None
    return error_message(response) or f"the tag list answered HTTP {response.status}"


CUSTOMERLY = System(
    name="customerly",
    base_url="https://api.customerly.io/v1",
    hosts=r"api\.customerly\.io",
    credentials=(Credential("token", "CUSTOMERLY_TOKEN"),),
    settings=CustomerlySettings,
    headers=_headers,
    read=read,
    probes=lambda _place: (Probe("the credentials are accepted", Request("GET", "/tags"), _probe_problem),),
    operations={operation.name: operation for operation in _OPERATIONS},
    listings={listing.name: listing for listing in LISTINGS},
)
