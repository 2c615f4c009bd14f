"""Job files that ask something of a system which it does not take."""

from collections.abc import Mapping
from typing import Any

import orjson
from bad_input_case import Case

_ADDRESS = {"base_url": "http://127.0.0.1:9"}


def _job(
    system: str,
    operation: str,
    place: Mapping[str, Any],
    fields: Mapping[str, Any],
    options: Mapping[str, Any],
) -> str:
    job = {
        "name": "trial",
        "source": {"path": "people.csv"},
        "destinations": {"there": {"system": system, **place}},
        "steps": [
            {
                "destination": "there",
                "operation": operation,
                "fields": fields or {"email": "Email"},
                **options,
            }
        ],
    }
    return orjson.dumps(job).decode()


def _http(name: str, says: str, place: Mapping[str, Any] | None = None, **options: Any) -> Case:
    told = f"bulk: job.yaml:1: {says}"
    asked = {"path": "/x", **options}
    return Case(name, told, job=_job("http", "request", {**_ADDRESS, **(place or {})}, {}, asked))


def _bad(
    name: str,
    says: str,
    system: str,
    operation: str,
    fields: Mapping[str, Any] | None = None,
    place: Mapping[str, Any] | None = None,
    **options: Any,
) -> Case:
    job = _job(system, operation, place or {}, fields or {}, options)
    # A preview needs no credentials, which a run would miss first.
    return Case(name, f"bulk: job.yaml:1: {says}", job=job, args=("preview", "job.yaml"))


CASES = (
    _http("request without a path", 'steps[0]: a request needs "path"', path=""),
    _http(
        "unknown field in a path",
        'steps[0]: path: unknown field "emial"; did you mean "email"?',
        path="/{emial}",
    ),
    _http("path that climbs", 'steps[0]: path holds a segment "." or ".."', path="/x/../y"),
    _http(
        "batch without an envelope",
        'steps[0]: batch_size needs an "envelope": without one every record is a request of its own',
        batch_size=10,
    ),
    _http("option misspelt", 'steps[0]: unknown key "envlope"; did you mean "envelope"?', envlope="a"),
    _http(
        "option of an option misspelt",
        'steps[0].errors.pth: unknown key; did you mean "path"?',
        errors={"pth": "a"},
    ),
    _http(
        "unknown method",
        "steps[0].method: expected 'GET', 'HEAD', 'POST', 'PUT', 'PATCH' or 'DELETE'; found \"X\"",
        method="X",
    ),
    _http(
        "success that is none",
        "steps[0]: success cannot hold 401: it is about the destination, not a record",
        success=[401],
    ),
    _http(
        "credential misspelt",
        'destinations.there.auth: unknown key "beerer"; did you mean "bearer"?',
        {"auth": {"beerer": "x"}},
    ),
    _http(
        "half a credential",
        'destinations.there.auth: "basic.password" is missing',
        {"auth": {"basic": {"user": "x"}}},
    ),
    _http(
        "two credentials",
        "destinations.there.auth: give one of bearer, header, not several",
        {"auth": {"bearer": "x", "header": {"name": "X", "value": "y"}}},
    ),
    _http(
        "secret among headers",
        "destinations.there: the header Authorization holds a secret; give it under auth of the destination",
        {"headers": {"Authorization": "x"}},
    ),
    Case(
        "no address",
        'bulk: job.yaml:1: destinations.there: http needs a "base_url", such as https://api.example.com/v1',
        job=_job("http", "request", {}, {}, {"path": "/x"}),
    ),
    _bad(
        "option of another operation",
        'steps[0]: unknown key "create_missing"',
        "customerly",
        "upsert_user",
        create_missing=False,
    ),
    _bad(
        "wrong choice of an option",
        "steps[0].contact: expected 'user' or 'lead'; found \"person\"",
        "customerly",
        "tag",
        {"tag": "Name", "email": "Email"},
        contact="person",
    ),
    _bad(
        "region there is none",
        "destinations.there.region: expected 'us' or 'eu'; found text",
        "customerio",
        "upsert_person",
        place={"region": "mars"},
    ),
    _bad(
        "rate of a surface",
        "destinations.there.app_rate: expected a rate such as 10/s, 300/min, 30/3s or 5000/h; found text",
        "customerio",
        "upsert_person",
        place={"app_rate": "fast"},
    ),
    _bad(
        "consent that is text",
        "steps[0].fields.unsubscribed: takes boolean: give `as: bool`",
        "customerio",
        "upsert_person",
        {"email": "Email", "unsubscribed": "Name"},
    ),
    _bad(
        "consent given back to everybody",
        "steps[0].fields.unsubscribed: would re-subscribe people; if that is wanted, give the step "
        "`resubscribe: true`",
        "customerio",
        "upsert_person",
        {"email": "Email", "unsubscribed": {"value": False}},
    ),
    _bad(
        "unknown member",
        'steps[0].fields.device.token: unknown member "token"\n'
        'job.yaml:1: steps[0].fields.device: needs the member "id"',
        "customerio",
        "add_device",
        {"email": "Email", "device": {"token": "Name", "platform": {"value": "ios"}}},
    ),
    _bad(
        "no identifier",
        "steps[0].fields: track_event needs one of id, email, phone, cio_id",
        "customerio",
        "track_event",
        {"name": "Name"},
    ),
    _bad(
        "custom attribute without a suffix",
        'steps[0].fields.custom.plan: the member name "plan" must end in one of '
        "Str, Txt, Num, At, Bool, Url, Id",
        "kustomer",
        "upsert_customer",
        {"email": "Email", "custom": {"plan": "Name"}},
    ),
    _bad(
        "custom number that is text",
        "steps[0].fields.custom.planNum: takes number: give `as: float` or `as: int`",
        "kustomer",
        "upsert_customer",
        {"email": "Email", "custom": {"planNum": "Name"}},
    ),
    _bad(
        "unsubscribing without a mark",
        "steps[0].fields: unsubscribe_customer needs one of custom, tags",
        "kustomer",
        "unsubscribe_customer",
    ),
    Case(
        "credential of another system",
        "bulk: job.yaml:1: destinations.there.auth: set KUSTOMER_API_KEY (or KUSTOMER_API_KEY_FILE)",
        job=_job("kustomer", "upsert_customer", {}, {}, {}),
    ),
)
