"""Who unsubscribed, as a line of the file has it."""

from dataclasses import dataclass

COLUMNS = ("email", "user_id", "source", "event", "at", "event_id")


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """Somebody who unsubscribed, as a vendor told.

    Attributes:
        email: The address; empty if none was told.
        user_id: Their id in your own product; empty if none was told. One of both is there.
        source: The vendor.
        event: What the vendor calls what happened.
        at: When it happened, in ISO 8601, UTC.
        event_id: The vendor's name of this very event; empty if it has none.
    """

    email: str
    user_id: str
    source: str
    event: str
    at: str
    event_id: str

    @property
    def key(self) -> str:
        """What tells this person from others."""
        return key_of(self.email, self.user_id)

    @property
    def cells(self) -> tuple[str, ...]:
        """The values in the order of ``COLUMNS``."""
        return (self.email, self.user_id, self.source, self.event, self.at, self.event_id)


def key_of(email: str, user_id: str) -> str:
    """Return the address as suppression lists compare it, or else the id; empty if there is neither."""
    address = email.strip().lower()
    # No address holds a space, so no id is ever taken for one.
    return address or (f"id {user_id.strip()}" if user_id.strip() else "")
