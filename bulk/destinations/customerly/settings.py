"""What is uncertain about Customerly's API, as settings with safe defaults."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class CustomerlySettings:
    """Customerly's own keys of a destination.

    Attributes:
        auth_header: ``bearer`` sends ``Authorization: Bearer TOKEN``; ``legacy`` sends
            ``Authentication: AccessToken: TOKEN``, which the vendor's older plugins use.
        unsubscribe_path: The vendor's blueprint has ``/users/unsubscribe/{user_id}``; its help pages have
            ``/user/unsubscribe`` with the e-mail in the body. ``{email}`` may be used as well.
        unsubscribe_id: Which of a user's ids stands for ``{user_id}``: your own, or Customerly's, which is
            looked up for every user.
        article_collection_key: Under which key an article's collection is sent: the name it is read by, or
            the shorter one of a third party's page.
    """

    auth_header: Literal["bearer", "legacy"] = "bearer"
    unsubscribe_path: str = "/users/unsubscribe/{user_id}"
    unsubscribe_id: Literal["user_id", "crmhero_user_id"] = "user_id"
    article_collection_key: Literal["knowledge_base_collection_id", "collection_id"] = (
        "knowledge_base_collection_id"
    )

    def __post_init__(self) -> None:
        if not self.unsubscribe_path.startswith("/"):
            raise ValueError("unsubscribe_path begins with /")
        if set(re.findall(r"\{(.*?)\}", self.unsubscribe_path)) - {"user_id", "email"}:
            raise ValueError("unsubscribe_path may hold {user_id} and {email}, nothing else in braces")

    def enough(self, names: Collection[str]) -> bool:
        """Tell whether a record with these identifiers can be unsubscribed without looking it up."""
        own = self.unsubscribe_id == "user_id" or "user_id" not in self.wants
        return own and self.wants <= set(names)

    @property
    def wants(self) -> frozenset[str]:
        """The identifiers an unsubscribing request needs."""
        named = {name for name in ("user_id", "email") if f"{{{name}}}" in self.unsubscribe_path}
        return frozenset(named or {"email"})
