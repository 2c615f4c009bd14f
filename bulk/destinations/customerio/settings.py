"""What Customer.io's accounts differ in, as settings with safe defaults."""

import re
from dataclasses import dataclass
from typing import Literal

_URL = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?", re.ASCII)
_TIME = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)\s*(s|m)?", re.ASCII)
_SECONDS = {"s": 1.0, "m": 60.0, None: 1.0}
_HOST = re.compile(r"https?://(?:track|api)(-eu)?\.customer\.io(?::\d+)?(?:/|$)", re.IGNORECASE)
_APP = {"us": "https://api.customer.io", "eu": "https://api-eu.customer.io"}

Region = Literal["us", "eu"]


@dataclass(frozen=True, slots=True)
class CustomerioSettings:
    """Customer.io's own keys of a destination.

    Attributes:
        region: Where the account is; the credentials must belong there. If it is not given, the host of
            ``base_url`` says it.
        environment_id: The workspace the credentials must belong to, as its address in the browser shows it.
        app_base_url: The host of the App API, with which people are read back and listed. If it is not given,
            it is the vendor's in the region of ``base_url``; if that is not the vendor's, it is ``base_url``.
        app_rate: The rate of the App API.
        lag: Until how long after acceptance people are read back: what is written shows after some seconds.
    """

    region: Region | None = None
    environment_id: int | str | None = None
    app_base_url: str | None = None
    app_rate: str = "10/s"
    lag: str | float = "60s"

    def __post_init__(self) -> None:
        url = self.app_base_url
        if url is not None and not _URL.fullmatch(url):
            raise ValueError("app_base_url is an address such as https://api.customer.io")
        if url is not None and url.rstrip("/").endswith("/v1"):
            raise ValueError("app_base_url is the host alone, without /v1")
        if not _TIME.fullmatch(str(self.lag)):
            raise ValueError("lag is a time such as 60s")

    @property
    def patience(self) -> float:
        """``lag`` in seconds."""
        found = _TIME.fullmatch(str(self.lag))
        return float(found[1]) * _SECONDS[found[2]] if found else 0.0

    def app_url(self, base_url: str) -> str:
        """Return where the App API is, given where the Track API is."""
        region = host_region(base_url)
        return (self.app_base_url or (base_url if region is None else _APP[region])).rstrip("/")


def host_region(url: str) -> Region | None:
    """Return the region of one of the vendor's hosts; None for another host, such as a sandbox."""
    found = _HOST.match(url)
    if found is None:
        return None
    return "eu" if found[1] else "us"


@dataclass(frozen=True, slots=True)
class UpsertOptions:
    """What a step that upserts people may say.

    Attributes:
        create_missing: Whether people the workspace does not know are created.
    """

    create_missing: bool = True


@dataclass(frozen=True, slots=True)
class UnsubscribeOptions:
    """What a step that unsubscribes people may say.

    Attributes:
        create_missing: Whether people the workspace does not know are created, unsubscribed.
    """

    create_missing: bool = False
