"""What a Kustomer customer may hold, with the vendor's bounds."""

from bulk.destinations.fields import Field, Kind

OPENAPI = "vendor's OpenAPI file (sure)"
_CUSTOM = "vendor's page on custom attributes (sure)"
_OURS = "our own short form of the vendor's list"
_LIST = f"{OPENAPI}; updates may replace it (unsure), so it is read, joined and sent whole"

_TAG_FIRST = r"[A-Za-z0-9À-ÖØ-öø-ÿ_/<>.\-]"
_TAG = rf"{_TAG_FIRST}[A-Za-z0-9À-ÖØ-öø-ÿ_/<>.\- ]*"
OBJECT_ID = "[0-9a-fA-F]{24}"

ID = Field("id", Kind.IDENTIFIER, "Kustomer's own id of the customer.", OPENAPI, pattern=OBJECT_ID)
EXTERNAL_ID = Field("externalId", Kind.IDENTIFIER, "Your own id of the customer.", OPENAPI, max_chars=256)
EMAIL = Field("email", Kind.EMAIL, "One e-mail address of the customer.", _OURS)
PHONE = Field("phone", Kind.PHONE, "One phone number of the customer, with its country's.", _OURS)

TAGS = Field(
    "tags",
    Kind.TEXTS,
    "Tags to add; those the customer has stay.",
    f"{_LIST}; tags that the account shows as ids are sent again as they are",
    max_items=20,
    max_chars=64,
    pattern=_TAG,
)

CUSTOM = Field(
    "custom",
    Kind.OBJECT,
    "Custom attributes, whose names end in Str, Txt, Num, At, Bool, Url or Id.",
    _CUSTOM,
    max_items=100,
    suffixes={
        "Str": Field("Str", Kind.TEXT, "Text.", _CUSTOM, max_chars=1024),
        "Txt": Field("Txt", Kind.TEXT, "Text of several lines.", _CUSTOM, max_chars=1024),
        "Num": Field("Num", Kind.NUMBER, "A number.", _CUSTOM),
        "At": Field("At", Kind.MOMENT, "A date and time.", _CUSTOM),
        "Bool": Field("Bool", Kind.BOOLEAN, "True or false.", _CUSTOM),
        "Url": Field(
            "Url", Kind.TEXT, "An address on the web.", _CUSTOM, pattern=r"[a-zA-Z][a-zA-Z0-9+.\-]*:\S+"
        ),
        "Id": Field("Id", Kind.IDENTIFIER, "The id of another object.", _CUSTOM),
    },
)


def _items(name: str, about: str, fact: str = _LIST) -> Field:
    return Field(name, Kind.LIST, about, fact, max_items=10)


def _text(name: str, about: str, most: int | None = None) -> Field:
    return Field(name, Kind.TEXT, about, OPENAPI, max_chars=most)


def _moment(name: str, about: str) -> Field:
    return Field(name, Kind.MOMENT, about, OPENAPI)


_LISTS = (
    _items("emails", "E-mail addresses: email, type (home work other), verified."),
    _items("sharedEmails", "E-mail addresses that several customers share."),
    _items("phones", "Phone numbers: phone, type (mobile home work fax other), verified."),
    _items("sharedPhones", "Phone numbers that several customers share."),
    _items("whatsapps", "WhatsApp numbers: phone, type (mobile), verified."),
    _items("externalIds", "Your own ids, if there are several: externalId, verified."),
    _items("sharedExternalIds", "Your own ids that several customers share."),
    _items(
        "socials", "Accounts: type (twitter facebook instagram linkedin pinterest), username, userid, url."
    ),
    _items("sharedSocials", "Accounts that several customers share."),
    _items("facebookIds", "Facebook ids."),
    _items("instagramIds", "Instagram ids."),
    _items("urls", "Web addresses: url, type (website blog other)."),
    _items(
        "locations",
        "Places: type, name, address, cityName, regionCode, countryCode, zipCode …; an update replaces them.",
        OPENAPI,
    ),
)

_SENTIMENT = Field(
    "sentiment",
    Kind.OBJECT,
    "How the customer feels: polarity -1, 0 or 1, confidence from -1 to 1.",
    OPENAPI,
    members=(
        Field("polarity", Kind.INTEGER, "-1, 0 or 1.", OPENAPI, required=True),
        Field("confidence", Kind.NUMBER, "From -1 to 1.", OPENAPI, required=True),
    ),
)

CONTENT = (
    _text("name", "The full name.", 256),
    Field("company", Kind.IDENTIFIER, "The company's Kustomer id.", OPENAPI),
    *_LISTS,
    TAGS,
    CUSTOM,
    _text("username", "A user name."),
    _text("locale", "A locale, such as it_IT.", 16),
    _text("timeZone", "A time zone, such as Europe/Rome.", 64),
    _text("defaultLang", "A language.", 100),
    _text("avatarUrl", "The address of a picture."),
    Field("gender", Kind.TEXT, "m or f.", OPENAPI, choices=("m", "f")),
    _moment("birthdayAt", "Date of birth."),
    _moment("signedUpAt", "When the customer signed up."),
    _moment("lastActivityAt", "When there was activity last."),
    _moment("lastCustomerActivityAt", "When the customer was active last."),
    _moment("lastSeenAt", "When the customer was seen last."),
    _moment("createdAt", "When the customer was created."),
    _moment("importedAt", "Marks the customer as imported; workflows may run all the same."),
    _SENTIMENT,
)
"""Everything but what names a customer."""
