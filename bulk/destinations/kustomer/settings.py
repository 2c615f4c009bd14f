"""What is uncertain about Kustomer's API, as settings with safe defaults, and the options of its steps."""

from dataclasses import dataclass
from typing import Literal

from bulk.destinations.erasure import ErasureOptions


@dataclass(frozen=True, slots=True)
class KustomerSettings:
    """Kustomer's own keys of a destination.

    Attributes:
        poll_first: Seconds until a bulk job or a merge is asked for the first time; doubled each time.
        poll_longest: Seconds between two questions at the most.
        patience: Seconds after which an unfinished job's records are ``unknown``; sending those again
            goes on asking for the same job.
        phone_look_up: How phone numbers stand in a look-up: the vendor's text has ``e164`` (``+39…``), its
            example ``digits``; ``both`` tries one after the other.
        send_rev: Whether an update names the revision it was made from, so that it never overwrites an
            edit it has not seen.
        resend_company: Whether an update names the customer's company again: the vendor unlinks a customer
            whose company is left out.
        email_type: What kind of address ``email`` is; empty leaves it to Kustomer.
        phone_type: What kind of number ``phone`` is; empty leaves it to Kustomer.
    """

    poll_first: float = 1.0
    poll_longest: float = 30.0
    patience: float = 3600.0
    phone_look_up: Literal["e164", "digits", "both"] = "both"
    send_rev: bool = True
    resend_company: bool = True
    email_type: Literal["", "home", "work", "other"] = ""
    phone_type: Literal["", "mobile", "home", "work", "fax", "other"] = ""

    def __post_init__(self) -> None:
        if not 0 < self.poll_first <= self.poll_longest:
            raise ValueError("poll_first is more than 0 and no more than poll_longest")
        if not self.poll_longest <= self.patience:
            raise ValueError("patience is no less than poll_longest")

    def pause(self, asked: int) -> float:
        """Return the seconds to wait after so many questions about the same thing."""
        return min(self.poll_longest, self.poll_first * 2.0 ** min(asked, 30))


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """Options of the steps that create or update.

    Attributes:
        bulk_jobs: Whether many records share a request; ``false`` writes each by a request of its own,
            for keys without a role for bulk jobs.
    """

    bulk_jobs: bool = True


@dataclass(frozen=True, slots=True)
class UpsertOptions(WriteOptions):
    """Options of ``upsert_customer``.

    Attributes:
        bulk_jobs: As above.
        lookup: ``first`` looks up every record before it is written; ``on_conflict`` creates, and looks up
            only what the account already has: far fewer requests where most are new.
    """

    lookup: Literal["first", "on_conflict"] = "first"


@dataclass(frozen=True, slots=True)
class EraseOptions(ErasureOptions):
    """Options of ``erase_person``.

    Attributes:
        verify: How people are read back: ``wait`` says until how long after acceptance, while they are still
            shown; ``none`` reads nobody back, and then nobody is ``succeeded``.
        matches: ``certain`` erases only whom all identifiers of the row agree on; ``all`` everybody whom any
            of them names.
        children: ``delete`` redacts the messages and deletes the conversations, notes and drafts before the
            customer; ``keep`` deletes the customer alone.
    """

    children: Literal["delete", "keep"] = "delete"
