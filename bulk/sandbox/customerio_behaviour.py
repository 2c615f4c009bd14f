"""How Customer.io behaves where nobody knows for sure; each default is the likelier side."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class CustomerioBehaviour:
    """The workspace, and the open questions, one field each.

    Attributes:
        region: Where the account is, as the Track API tells it.
        environment_id: The workspace, as the Track API tells it.
        moved: Whether every request to the Track API is redirected, as where the account is elsewhere.
        lag: Seconds from a write until the App API shows it.
        max_body: Bytes that one request to the Track API may have.
        max_item: Bytes that one item, or one request of a single item, may have.
        too_large: HTTP status beside a body or an item that is too large.
        all_bad: HTTP status of a batch whose items are all bad.
        bare_errors: Whether an error of a batch holds its index alone, without reason, field and message.
        v1_error: Whether Track v1 tells a problem as one text or as a list of them.
        phone_identifies: Whether the workspace knows people by phone numbers.
        segment_creates: Whether adding somebody unknown to a segment creates a person.
        status_as_text: Whether the status in the App API's errors is a text.
        unsubscribe_ignored: E-mail addresses (lower case) whose unsubscribing is accepted without effect.
        delete_ignored: E-mail addresses (lower case) whose deletion or suppression is accepted without
            effect.
    """

    region: Literal["us", "eu"] = "us"
    environment_id: int = 1
    moved: bool = False
    lag: float = 0.2
    max_body: int = 500_000
    max_item: int = 32_000
    too_large: Literal[400, 413] = 400
    all_bad: Literal[207, 400] = 207
    bare_errors: bool = False
    v1_error: Literal["error", "errors"] = "error"
    phone_identifies: bool = True
    segment_creates: bool = True
    status_as_text: bool = True
    unsubscribe_ignored: frozenset[str] = frozenset()
    delete_ignored: frozenset[str] = frozenset()
