import re
from base64 import b64decode

import pytest
from conversing import answer
from customerio_talk import OPERATIONS, SETTINGS

from bulk.conversation import Response
from bulk.destinations.customerio import CUSTOMERIO
from bulk.destinations.customerio.settings import CustomerioSettings
from bulk.destinations.system import Place

US, EU, HERE = "https://track.customer.io", "https://track-eu.customer.io", "http://127.0.0.1:8000"
CONTRACT = (
    "upsert_person delete_person suppress_person unsuppress_person unsubscribe_person track_event "
    "add_to_segment remove_from_segment merge_people add_device delete_device erase_person"
)


def region(name: str = "us", environment_id: object = 42) -> Response:
    return answer({"url": US, "region": name, "environment_id": environment_id})


def told(url: str, reply: Response, settings: CustomerioSettings = SETTINGS) -> str | None:
    assert CUSTOMERIO.preflight is not None
    return CUSTOMERIO.preflight(Place(url, settings)).problem(reply)


def test_the_operations_are_those_of_the_contract() -> None:
    assert list(OPERATIONS) == CONTRACT.split()


@pytest.mark.parametrize(
    ("url", "settings", "reply"),
    [
        (US, SETTINGS, region()),
        (EU, SETTINGS, region("eu")),
        (HERE, SETTINGS, region("eu")),
        (US, CustomerioSettings(region="us", environment_id=42), region()),
        (HERE, CustomerioSettings(environment_id="42"), region(environment_id="42")),
    ],
)
def test_the_right_region_and_workspace_are_no_problem(
    url: str, settings: CustomerioSettings, reply: Response
) -> None:
    assert told(url, reply, settings) is None


@pytest.mark.parametrize(
    ("url", "settings", "reply", "words"),
    [
        (US, SETTINGS, region("eu"), "set base_url to https://track-eu.customer.io"),
        (EU, SETTINGS, region("us"), "set base_url to https://track.customer.io"),
        (HERE, CustomerioSettings(region="eu"), region("us"), "in the US, but region says eu"),
        (US, CustomerioSettings(environment_id=7), region(), "workspace 42, but environment_id says 7"),
        (US, SETTINGS, answer({}), "does not name the region"),
        (US, SETTINGS, answer([]), "does not name the region"),
        (US, SETTINGS, Response(301), "another region"),
        (US, SETTINGS, Response(401), "does not accept the credentials"),
        (US, SETTINGS, Response(404, {}, b"<html>"), "check base_url"),
        (US, SETTINGS, answer({"meta": {"error": "no"}}, 400), "HTTP 400"),
    ],
)
def test_a_wrong_region_workspace_or_credential_is_told_in_words(
    url: str, settings: CustomerioSettings, reply: Response, words: str
) -> None:
    assert words in str(told(url, reply, settings))


def test_the_app_api_is_probed_only_where_its_key_is_set() -> None:
    place = Place(US, SETTINGS)

    alone = CUSTOMERIO.probes(place)
    both = CUSTOMERIO.probes(Place(US, SETTINGS, surfaces=frozenset({"app"})))

    assert [probe.request.surface for probe in alone] == [""]
    assert [probe.request.surface for probe in both] == ["", "app"]


@pytest.mark.parametrize(
    ("url", "settings", "reply", "words"),
    [
        (US, SETTINGS, answer({"results": []}), None),
        (US, SETTINGS, Response(401), "App API key"),
        (US, SETTINGS, answer({}), "check app_base_url"),
        (
            EU,
            CustomerioSettings(app_base_url="https://api.customer.io"),
            answer({"results": []}),
            "set app_base_url to https://api-eu.customer.io",
        ),
    ],
)
def test_the_app_api_must_accept_its_key_and_be_in_the_same_region(
    url: str, settings: CustomerioSettings, reply: Response, words: str | None
) -> None:
    probe = CUSTOMERIO.probes(Place(url, settings, surfaces=frozenset({"app"})))[1]
    problem = probe.problem(reply)

    assert problem is None if words is None else words in str(problem)


@pytest.mark.parametrize(
    ("settings", "base_url", "expected"),
    [
        (SETTINGS, US, "https://api.customer.io"),
        (SETTINGS, EU, "https://api-eu.customer.io"),
        (SETTINGS, HERE, HERE),
        (SETTINGS, "https://track.customer.io.example.com", "https://track.customer.io.example.com"),
        (CustomerioSettings(app_base_url="http://127.0.0.1:9/"), US, "http://127.0.0.1:9"),
    ],
)
def test_the_app_api_is_where_the_track_api_is_unless_a_setting_says_otherwise(
    settings: CustomerioSettings, base_url: str, expected: str
) -> None:
    assert CUSTOMERIO.surfaces["app"].base_url(settings, base_url) == expected


@pytest.mark.parametrize(
    "url", ["api.customer.io", "https://api.customer.io/v1", "ftp://x", "https://a b", "https://u@x"]
)
def test_an_app_address_that_cannot_be_meant_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="app_base_url is"):
        CustomerioSettings(app_base_url=url)


def test_each_surface_has_its_own_credentials() -> None:
    auth = {"site_id": "site", "api_key": "key", "app_api_key": "app-key"}

    basic = CUSTOMERIO.headers(auth, SETTINGS)["Authorization"]
    bearer = CUSTOMERIO.surfaces["app"].headers(auth, SETTINGS)["Authorization"]

    assert b64decode(basic.removeprefix("Basic ")) == b"site:key"
    assert bearer == "Bearer app-key"
    assert CUSTOMERIO.surfaces["app"].rate(SETTINGS) == "10/s"


@pytest.mark.parametrize("host", ["track.customer.io", "track-eu.customer.io"])
def test_both_track_hosts_are_known_and_no_other(host: str) -> None:
    assert re.fullmatch(CUSTOMERIO.hosts, host)
    assert not re.fullmatch(CUSTOMERIO.hosts, host.replace("track", "api"))


@pytest.mark.parametrize("name", CONTRACT.split())
def test_every_field_named_elsewhere_in_an_operation_exists(name: str) -> None:
    operation = OPERATIONS[name]
    known = {field.name for field in operation.fields}

    assert {*operation.one_of, *operation.keep} <= known
    assert operation.about.endswith(".")
    assert all(field.about.endswith(".") and field.fact for field in operation.fields)
