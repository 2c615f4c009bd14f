"""What a ledger must keep readable for a while, sealed with its secret: AES-256-GCM."""

from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bulk.errors import LedgerError

_NONCE = 12
_KEY = 32


class Seal:
    """Seals and opens bytes; each seal has a random nonce of its own before it."""

    def __init__(self, secret: bytes, entropy: Callable[[int], bytes]) -> None:
        key = HKDF(SHA256(), _KEY, salt=None, info=b"bulk ledger seal").derive(secret)
        self._cipher = AESGCM(key)
        self._entropy = entropy

    def sealed(self, plain: bytes) -> bytes:
        """Return bytes that only this secret opens."""
        nonce = self._entropy(_NONCE)
        return nonce + self._cipher.encrypt(nonce, plain, None)

    def opened(self, body: bytes) -> bytes:
        """Return what was sealed.

        Raises:
            LedgerError: It was sealed with another secret, or has changed since.
        """
        try:
            return self._cipher.decrypt(body[:_NONCE], body[_NONCE:], None)
        except (InvalidTag, ValueError):
            raise LedgerError(
                "what the ledger keeps sealed cannot be opened: it was changed, or sealed with another secret"
            ) from None
