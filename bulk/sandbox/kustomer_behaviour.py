"""How Kustomer behaves where nobody knows for sure; each default is the likelier side."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class KustomerBehaviour:
    """The open questions, one field each, and how large the account is.

    Attributes:
        budget: Requests that the whole organisation has in ``budget_seconds``; None: no limit, no headers.
        budget_seconds: Length of the budget's windows, which are aligned to the clock.
        others_per_minute: Requests of the budget that others use up, evenly over time.
        max_body: Bytes that one body may have; more is a 413.
        max_items: Items that one bulk request may carry, in its body or in ``ids``.
        pod: Where the key belongs, if that is another region than this one: every request is refused.
        roles: The roles that the key has; None: all there are.
        missing_role_status: How a request is refused whose role the key has not.
        errors: Form of errors: ``code`` and ``message``, or JSON:API's ``status``, ``title`` and ``detail``.
        duplicate_status: How a write is refused that would give a second customer the same address.
        tags_as: Whether tags are answered by name or by id.
        unlink_company: Whether an update that names no company unlinks the customer's.
        merge_arrays: Whether updates add to arrays instead of replacing them.
        lookup_shared: Whether look-ups also find shared addresses.
        phones_by: How a phone number must be written to be found: with a plus sign, without, or either.
        masked: Attributes that are answered masked.
        job_seconds: How long a bulk job takes; it is queued for the first third.
        job_batch: Items in one batch of a bulk job.
        job_refuses: Whether an item that breaks the schema refuses the whole request or fails in its job.
        stuck_jobs: Whether bulk jobs do their work and never say that they are complete.
        lost_results: One result in so many is missing; 0: none.
        merge_seconds: How long a merge takes; both customers refuse writes until then.
        delete_seconds: How long a deleted customer can still be read.
        delete_ignored: E-mail addresses (lower case) whose deletion answers 204 without effect.
        delete_takes_children: Whether a customer's conversations, messages, notes, drafts and objects go too.
        child_seconds: How long a deleted conversation, note or draft is still listed.
        children_kept: Kinds (``conversations`` …) whose deletion, or redaction, answers well without effect.
        children_refused: Kinds whose deletion, or redaction, is refused.
        klasses: Names of the custom objects there are; None: any.
    """

    budget: int | None = None
    budget_seconds: float = 60.0
    others_per_minute: float = 0.0
    max_body: int = 100_000
    max_items: int = 100
    pod: str = ""
    roles: frozenset[str] | None = None
    missing_role_status: Literal[401, 403] = 403
    errors: Literal["code", "jsonapi"] = "code"
    duplicate_status: Literal[400, 409] = 409
    tags_as: Literal["names", "ids"] = "names"
    unlink_company: bool = True
    merge_arrays: bool = False
    lookup_shared: bool = False
    phones_by: Literal["any", "e164", "digits"] = "any"
    masked: frozenset[str] = frozenset()
    job_seconds: float = 0.3
    job_batch: int = 50
    job_refuses: Literal["request", "item"] = "request"
    stuck_jobs: bool = False
    lost_results: int = 0
    merge_seconds: float = 0.3
    delete_seconds: float = 0.0
    delete_ignored: frozenset[str] = frozenset()
    delete_takes_children: bool = False
    child_seconds: float = 0.0
    children_kept: frozenset[str] = frozenset()
    children_refused: frozenset[str] = frozenset()
    klasses: frozenset[str] | None = None
