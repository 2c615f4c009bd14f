"""Verdicts that every system gives in the same words."""

from bulk.conversation import Response, Status, Verdict

LONGEST_MESSAGE = 500
"""Characters of a vendor's message that are kept."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REDIRECTED = "the server redirects, and redirects are never followed; mend base_url, or the step's path"


def accepted(response: Response, reason: str = "", object_id: str = "") -> Verdict:
    """Return the verdict of an answer that accepts what was sent."""
    return Verdict(
        Status.SUCCEEDED,
        reason,
        response.status,
        request_id=response.request_id,
        object_id=object_id,
    )


def not_found(response: Response) -> Verdict:
    """Return the verdict for somebody the account does not know."""
    return Verdict(Status.SKIPPED, "not_found", response.status, request_id=response.request_id)


def refused(response: Response, message: str = "", reason: str = "refused", code: str = "") -> Verdict:
    """Return the verdict of an answer that refuses what was sent; the vendor's words are cut to a length."""
    said = _REDIRECTED if response.status in _REDIRECTS else message[:LONGEST_MESSAGE]
    said = said or f"HTTP {response.status} without an explanation"
    return Verdict(Status.FAILED, reason, response.status, code, said, response.request_id)


def no_effect(response: Response, message: str) -> Verdict:
    """Return the verdict for what was accepted and, as reading back shows, not done."""
    return Verdict(Status.FAILED, "no_effect", response.status, "", message, response.request_id)


def unclear(response: Response) -> Verdict:
    """Return the verdict of an answer to a look-up that tells neither who is there nor that nobody is."""
    message = "the answer to a look-up is in a form that is not known"
    return Verdict(
        Status.FAILED, "broken_answer", response.status, "", message, response.request_id, ours=True
    )


def is_2xx(response: Response) -> bool:
    """Tell whether the status is one of success; the body may still say otherwise."""
    return 200 <= response.status < 300  # noqa: PLR2004 - HTTP status
