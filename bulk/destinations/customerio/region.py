"""Whether credentials, region and workspace are those that a job means."""

from collections.abc import Callable
from typing import Any

from bulk.conversation import Meaning, Request, Response
from bulk.destinations.customerio.answers import read, refusal
from bulk.destinations.customerio.settings import CustomerioSettings, host_region
from bulk.destinations.customerio.shown import SURFACE
from bulk.destinations.system import Place, Probe

_NAMES = {"us": "the US", "eu": "the EU"}
_HOSTS = {"us": "https://track.customer.io", "eu": "https://track-eu.customer.io"}
_APPS = {"us": "https://api.customer.io", "eu": "https://api-eu.customer.io"}
_OK = 200


def region_probe(place: Place) -> Probe:
    """Return the request that names region and workspace of the credentials; it changes nothing."""
    return Probe(
        "the credentials are accepted, in the right region and workspace",
        Request("GET", "/api/v1/accounts/region"),
        _explained(lambda response: _region_problem(place, response)),
    )


def app_probe(place: Place) -> Probe:
    """Return a request that reads nobody through the App API."""
    return Probe(
        "the App API key is accepted",
        Request("GET", "/v1/customers?email=nobody%40example.com", surface=SURFACE),
        _explained(lambda response: _app_problem(place, response)),
    )


def _explained(problem: Callable[[Response], str | None]) -> Callable[[Response], str | None]:
    """Let what any answer may mean for the run go first."""

    def told(response: Response) -> str | None:
        reading = read(response)
        if reading is not None and reading.meaning is Meaning.STOP:
            return reading.why
        return problem(response) if response.status == _OK else _refused(response)

    return told


def _refused(response: Response) -> str:
    return f"Customer.io refused the question (HTTP {response.status}): {refusal(response).error_message}"


def _region_problem(place: Place, response: Response) -> str | None:
    settings: CustomerioSettings = place.settings
    body: Any = response.json
    answered = str(body.get("region") or "").lower() if isinstance(body, dict) else ""
    if answered not in _HOSTS:
        return "the answer does not name the region of the account; check base_url"
    host = host_region(place.base_url)
    if host is not None and host != answered:
        return f"the account is in {_NAMES[answered]}; set base_url to {_HOSTS[answered]}"
    if settings.region is not None and settings.region != answered:
        return f"the account is in {_NAMES[answered]}, but region says {settings.region}"
    return _workspace_problem(settings, str(body.get("environment_id")))


def _workspace_problem(settings: CustomerioSettings, answered: str) -> str | None:
    expected = settings.environment_id
    if expected is None or str(expected) == answered:
        return None
    return f"the credentials belong to workspace {answered}, but environment_id says {expected}"


def _app_problem(place: Place, response: Response) -> str | None:
    track, app = host_region(place.base_url), host_region(place.settings.app_url(place.base_url))
    if track is not None and app is not None and track != app:
        return (
            f"base_url is in {_NAMES[track]}, but people would be read back in {_NAMES[app]}; "
            f"set app_base_url to {_APPS[track]}"
        )
    body = response.json
    if not isinstance(body, dict) or "results" not in body:
        return "the answer is not one of the App API; check app_base_url"
    return None
