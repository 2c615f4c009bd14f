"""Evidence as a file: its digest, and a signature with Ed25519 if there is a key."""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from bulk.errors import UsageError

ALGORITHM = "Ed25519"
Json = dict[str, Any]


def canonical(statement: Mapping[str, Any]) -> bytes:
    """Return the bytes that are signed: JSON with sorted keys and no spaces."""
    return orjson.dumps(statement, option=orjson.OPT_SORT_KEYS)


def digest_of(statement: Mapping[str, Any]) -> str:
    """Return the digest of a statement."""
    return f"sha256:{hashlib.sha256(canonical(statement)).hexdigest()}"


def private_key(pem: str, name: str) -> Ed25519PrivateKey:
    """Read a private key.

    Raises:
        UsageError: It is none, or none of Ed25519.
    """
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(
            f"{name} is no private key of {ALGORITHM} in PEM; `openssl genpkey -algorithm ed25519` makes one"
        )
    return key


def public_key(pem: bytes, name: str) -> Ed25519PublicKey:
    """Read a public key.

    Raises:
        UsageError: It is none, or none of Ed25519.
    """
    try:
        key = load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(
            f"{name} is no public key of {ALGORITHM} in PEM;"
            " `openssl pkey -pubout` prints that of a private one"
        )
    return key


def raw(key: Ed25519PublicKey) -> str:
    """Return a public key as text."""
    return base64.b64encode(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def sealed(statement: Mapping[str, Any], key: Ed25519PrivateKey | None) -> Json:
    """Return the evidence: a statement, its digest, and its signature or null."""
    signature = None
    if key is not None:
        signature = {
            "algorithm": ALGORITHM,
            "public_key": raw(key.public_key()),
            "value": base64.b64encode(key.sign(canonical(statement))).decode(),
        }
    return {"statement": statement, "digest": digest_of(statement), "signature": signature}


def seal_problems(evidence: Mapping[str, Any], key: Ed25519PublicKey | None) -> list[str]:
    """Say what is wrong with the digest and the signature of evidence.

    With ``key`` only that one may have signed it.
    """
    statement, signature = evidence["statement"], evidence.get("signature")
    problems = []
    if evidence.get("digest") != digest_of(statement):
        problems.append("the statement is not the one its digest was made of")
    if signature is None:
        return [*problems, "it is not signed, and a public key was given"] if key is not None else problems
    try:
        signer = Ed25519PublicKey.from_public_bytes(base64.b64decode(signature["public_key"], validate=True))
        signer.verify(base64.b64decode(signature["value"], validate=True), canonical(statement))
    except (InvalidSignature, ValueError, TypeError, KeyError):
        return [*problems, "the signature is not one over this statement"]
    if key is not None and raw(key) != raw(signer):
        problems.append("it was signed with another key than the one that was given")
    return problems
