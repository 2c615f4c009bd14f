"""Which bodies Kustomer accepts for customers and for custom objects."""

from collections.abc import Mapping
from typing import Any

from bulk.sandbox.kustomer_schema import (
    Check,
    Wrong,
    any_object,
    anything,
    between,
    boolean,
    choice,
    date,
    date_time,
    listing,
    matching,
    members,
    nullable,
    number,
    text,
)

MOST_CUSTOM = 100
_LETTERS = "A-Za-z0-9À-ÖØ-öø-ÿ_/<>.\\-"
_EMAIL = matching(r"[^\s@<>,;\"]{1,64}@[^\s@<>,;\"]{1,255}", "email-relaxed")
_PHONE = matching(r"\+?[0-9()][0-9().\s-]{4,24}", "phone-number")
_ID = matching(r"[0-9a-f]{24}", "objectId")
_TAGS = listing(matching(f"[{_LETTERS}][{_LETTERS} ]{{0,63}}", "tag"), 20)
_DATE = nullable(date_time)

SUFFIXES: Mapping[str, Check] = {
    "Str": text(1024),
    "Txt": text(1024),
    "Num": number,
    "At": date_time,
    "Bool": boolean,
    "Url": matching(r"https?://\S+", "uri"),
    "Id": _ID,
}


def custom(value: Any) -> Wrong | None:
    """Check custom attributes: the end of a name says what its value is; null clears any."""
    if not isinstance(value, dict):
        return Wrong("must be an object")
    if len(value) > MOST_CUSTOM:
        return Wrong(f"must not have more than {MOST_CUSTOM} properties")
    for name, member in value.items():
        suffix = next((known for known in SUFFIXES if name.endswith(known) and name != known), None)
        if suffix is None:
            return Wrong("invalid suffix of a custom attribute").below(name)
        wrong = None if member is None else SUFFIXES[suffix](member)
        if wrong:
            return wrong.below(name)
    return None


_EMAILS = listing(
    members({"email": _EMAIL, "type": choice("home", "work", "other"), "verified": boolean}, ["email"]), 10
)
_PHONES = listing(
    members(
        {"phone": _PHONE, "type": choice("mobile", "home", "work", "fax", "other"), "verified": boolean},
        ["phone"],
    ),
    10,
)
_WHATSAPPS = listing(members({"phone": _PHONE, "type": choice("mobile"), "verified": boolean}, ["phone"]), 10)
_EXTERNAL_IDS = listing(members({"externalId": text(255, 1), "verified": boolean}, ["externalId"]), 10)
_SOCIALS = listing(
    members(
        {
            "type": choice("twitter", "facebook", "instagram", "linkedin", "pinterest"),
            "username": text(256),
            "userid": nullable(text(256)),
            "url": nullable(text(2048)),
            "verified": boolean,
        },
        ["type", "username"],
    ),
    10,
)
_LOCATION: Mapping[str, Check] = {
    "type": text(64),
    "name": nullable(text(256)),
    "address": nullable(text(256)),
    "address2": nullable(text(256)),
    "address3": nullable(text(256)),
    "latitude": nullable(number),
    "longitude": nullable(number),
    "countryCode": nullable(text(2, 2)),
    "countryName": nullable(text(64)),
    "regionCode": nullable(text(2)),
    "regionName": nullable(text(64)),
    "cityName": nullable(text(128)),
    "zipCode": nullable(text(30)),
    "areaCode": nullable(text(30)),
}

CUSTOMER_MEMBERS: Mapping[str, Check] = {
    "name": nullable(text(256)),
    "company": nullable(_ID),
    "externalId": nullable(text(256, 1)),
    "externalIds": _EXTERNAL_IDS,
    "sharedExternalIds": _EXTERNAL_IDS,
    "emails": _EMAILS,
    "sharedEmails": _EMAILS,
    "phones": _PHONES,
    "sharedPhones": _PHONES,
    "whatsapps": _WHATSAPPS,
    "socials": _SOCIALS,
    "sharedSocials": _SOCIALS,
    "facebookIds": listing(anything, 10),
    "instagramIds": listing(anything, 10),
    "urls": listing(members({"url": text(2048, 1), "type": choice("website", "blog", "other")}, ["url"]), 10),
    "locations": listing(members(_LOCATION), 10),
    "username": nullable(text(256)),
    "locale": nullable(text(16)),
    "timeZone": nullable(text(64)),
    "defaultLang": nullable(text(100)),
    "avatarUrl": nullable(text(2048)),
    "birthdayAt": nullable(date),
    "gender": nullable(choice("m", "f")),
    "signedUpAt": _DATE,
    "lastActivityAt": _DATE,
    "lastCustomerActivityAt": _DATE,
    "lastSeenAt": _DATE,
    "createdAt": _DATE,
    "importedAt": _DATE,
    "tags": _TAGS,
    "sentiment": nullable(
        members(
            {"polarity": choice(-1, 0, 1), "confidence": between(-1, 1)},
            ["polarity", "confidence"],
        )
    ),
    "custom": custom,
    "rev": number,
}
CUSTOMER = members(CUSTOMER_MEMBERS)
# The vendor's schema for items of a bulk update has neither of these two.
CUSTOMER_ITEM = members(
    {name: check for name, check in CUSTOMER_MEMBERS.items() if name not in {"whatsapps", "instagramIds"}}
    | {"id": _ID},
    ["id"],
)
MERGE = members({"source": _ID, "target": _ID}, ["source", "target"])
REDACTION = members(
    {"preview": text(10_240), "attachments": listing(_ID, 10), "meta": any_object},
)

_KOBJECT_MEMBERS: Mapping[str, Check] = {
    "title": text(256, 1),
    "description": nullable(text(4096)),
    "externalId": nullable(text(256, 1)),
    "customer": nullable(_ID),
    "company": nullable(_ID),
    "data": nullable(any_object),
    "custom": custom,
    "images": listing(text(2048), 20),
    "icon": nullable(text(64)),
    "tags": _TAGS,
    "createdAt": _DATE,
    "importedAt": _DATE,
    "rev": number,
}
KOBJECT = members(_KOBJECT_MEMBERS, ["title"])
KOBJECT_CHANGE = members(_KOBJECT_MEMBERS)
