"""Fields that several of Customerly's operations share, and how sure their facts are."""

from dataclasses import replace

from bulk.destinations.fields import Field, Kind

CODE = "vendor's own text and code, or two independent clients (sure)"
BLUEPRINT = "vendor's API blueprint as transcribed by one client (fairly sure)"
ONE_PAGE = "one third party's page (unsure)"

EMAIL = Field(
    "email", Kind.EMAIL, "The address that names the contact; upserts go by it.", CODE, required=True
)
USER_ID = Field("user_id", Kind.IDENTIFIER, "Your own id of the user.", CODE)
NAME = Field("name", Kind.TEXT, "The full name.", CODE)
ATTRIBUTES = Field(
    "attributes",
    Kind.OBJECT,
    "Your own properties: text up to 128 characters, numbers, booleans, dates as unix seconds.",
    "vendor's help pages (sure); what becomes of longer text is not documented, so it is rejected",
    max_chars=128,
    member_pattern=r"[A-Za-z0-9_-]+",
)
REQUIRED_ATTRIBUTES = replace(ATTRIBUTES, required=True)
TAGS = Field(
    "tags", Kind.TEXTS, "Tags to put on the contact.", "vendor's code (sure); add or replace: unsure"
)
BY_EMAIL = Field("email", Kind.EMAIL, "The address that names the contact.", BLUEPRINT)
BY_USER_ID = Field("user_id", Kind.IDENTIFIER, "Your own id of the user.", BLUEPRINT)
