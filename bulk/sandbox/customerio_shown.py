"""Customer.io's people as its App API shows them."""

from typing import Any

import orjson

from bulk.sandbox.customerio_people import Person


def identifiers(person: Person) -> dict[str, str | None]:
    """Return what a person is known by."""
    return {
        "cio_id": person.cio_id,
        "id": person.names.get("id"),
        "email": person.names.get("email"),
    }


def profile(person: Person) -> dict[str, Any]:
    """Return a person with all attributes as texts."""
    attributes = {name: value for name, value in person.attributes.items() if value is not None}
    return {
        "id": person.names.get("id", ""),
        "identifiers": identifiers(person),
        "attributes": {
            "cio_id": person.cio_id,
            **person.names,
            **{name: text(value) for name, value in attributes.items()},
        },
        "timestamps": dict(person.changed),
        "unsubscribed": person.unsubscribed,
        "devices": [
            {"id" if name == "token" else name: value for name, value in device.items()}
            for device in person.devices.values()
        ],
    }


def text(value: Any) -> str:
    """Return an attribute's value as a text, whatever it was written as."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
