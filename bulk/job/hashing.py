"""How people are hashed in a list that a job names."""

from typing import Literal

HashName = Literal["none", "md5", "sha1", "sha256", "hmac-sha256"]


def check_secret(name: str, secret: str | None) -> None:
    """Refuse a keyed hash without its key, and a key where none belongs.

    Raises:
        ValueError: With a sentence for people.
    """
    if name == "hmac-sha256" and secret is None:
        raise ValueError('hmac-sha256 needs a "secret", such as secret: "${LIST_SECRET}"')
    if name != "hmac-sha256" and secret is not None:
        raise ValueError('a "secret" belongs to hash: hmac-sha256 only')
