"""Which addresses a customer's attributes lay claim to: each belongs to one customer of the organisation."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Claim = tuple[str, str]

_DIGITS = frozenset("0123456789")


def digits(text: str) -> str:
    """Return a phone number's digits, which is how numbers are compared."""
    return "".join(letter for letter in text if letter in _DIGITS)


def email(item: Mapping[str, Any]) -> Claim:
    """Return the claim of an e-mail item."""
    return "email", str(item["email"]).lower()


def phone(item: Mapping[str, Any]) -> Claim:
    """Return the claim of a phone item."""
    return "phone", digits(str(item["phone"]))


def external_id(item: Mapping[str, Any]) -> Claim:
    """Return the claim of an external id."""
    return "externalId", str(item["externalId"])


def _whatsapp(item: Mapping[str, Any]) -> Claim:
    return "whatsapp", digits(str(item["phone"]))


def _social(item: Mapping[str, Any]) -> Claim:
    return f"social {item['type']}", str(item["username"]).lower()


_OWN: tuple[tuple[str, Callable[[Mapping[str, Any]], Claim]], ...] = (
    ("emails", email),
    ("phones", phone),
    ("whatsapps", _whatsapp),
    ("socials", _social),
    ("externalIds", external_id),
)
_SHARED: tuple[tuple[str, Callable[[Mapping[str, Any]], Claim]], ...] = (
    ("sharedEmails", email),
    ("sharedPhones", phone),
    ("sharedExternalIds", external_id),
)


def claims(attributes: Mapping[str, Any]) -> set[Claim]:
    """Return what belongs to nobody else."""
    own = {claim(item) for name, claim in _OWN for item in attributes.get(name, ())}
    return own | ({external_id(attributes)} if "externalId" in attributes else set())


def shared_claims(attributes: Mapping[str, Any]) -> Iterator[Claim]:
    """Yield what others may list as well, each once."""
    yield from dict.fromkeys(claim(item) for name, claim in _SHARED for item in attributes.get(name, ()))
