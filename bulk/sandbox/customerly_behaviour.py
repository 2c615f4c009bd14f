"""How Customerly behaves where nobody knows for sure; each default is the likelier side."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class CustomerlyBehaviour:
    """The open questions, one field each.

    Attributes:
        max_batch: Records that one POST may carry; more is one refusal that names this limit.
        max_body: Bytes that one body may have; more is a 413.
        refusals: How refused records of an accepted batch are told: as objects with index, e-mail
            address and message; as bare messages; as e-mail addresses under ``not_added``; or only by
            an ``inserted`` that is smaller than what was sent.
        long_text: What happens to attribute texts beyond 128 characters.
        replace_tags: Whether the tags of an upsert replace those a contact has; otherwise they are added.
        numbers_as_text: Whether numbers among attributes come back as strings.
        missing_status: HTTP status beside "User doesn't exist".
        unsubscribe_by: Which unsubscribing request is served: a path that ends in ``user_id`` or in the
            internal id, or ``POST /user/unsubscribe`` with an e-mail address.
        unsubscribe_ignored: E-mail addresses (lower case) whose unsubscribing answers 200 without effect.
        delete_ignored: E-mail addresses (lower case) whose deletion answers 200 without effect.
        delete_seconds: Seconds for which somebody deleted is still shown.
        delete_user_takes_lead: Whether deleting a user also deletes the lead of the same address.
        article_collection_key: Under which name an article that is written names its collection.
    """

    max_batch: int = 100
    max_body: int = 2_000_000
    refusals: Literal["errors", "messages", "not_added", "count"] = "errors"
    long_text: Literal["refuse", "truncate"] = "refuse"
    replace_tags: bool = False
    numbers_as_text: bool = True
    missing_status: Literal[200, 400, 404, 500] = 404
    unsubscribe_by: Literal["user_id", "internal_id", "email"] = "user_id"
    unsubscribe_ignored: frozenset[str] = frozenset()
    delete_ignored: frozenset[str] = frozenset()
    delete_seconds: float = 0.0
    delete_user_takes_lead: bool = False
    article_collection_key: str = "knowledge_base_collection_id"
