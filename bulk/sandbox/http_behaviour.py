"""How the server that takes any request behaves."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpBehaviour:
    """What may be set.

    Attributes:
        max_body: Bytes that one body may have; more is a 413.
        poison: Whether a body that holds ``{"poison": true}`` anywhere is refused as a whole.
        refuse: Whether a record of a list that holds ``"refuse": true`` is refused, alone and with a 200.
        secret: Whether a request must carry the token, in any header, alone or after a scheme.
        kept: Requests that are remembered; older ones are forgotten.
    """

    max_body: int = 2_000_000
    poison: bool = True
    refuse: bool = True
    secret: bool = False
    kept: int = 100_000
