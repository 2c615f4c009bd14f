"""What is uncertain about Customerly's API, as settings with safe defaults."""

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
        unsubscribe_id: Which of a user's ids stands for ``{user_id}`` when it had to be looked up.
    """

    auth_header: Literal["bearer", "legacy"] = "bearer"
    unsubscribe_path: str = "/users/unsubscribe/{user_id}"
    unsubscribe_id: Literal["user_id", "crmhero_user_id"] = "user_id"

    @property
    def wants(self) -> frozenset[str]:
        """The identifiers an unsubscribing request needs."""
        named = {name for name in ("user_id", "email") if f"{{{name}}}" in self.unsubscribe_path}
        return frozenset(named or {"email"})
