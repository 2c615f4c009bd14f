"""How many rows a run is asked to settle."""

import numpy as np

from bulk.conversation import Status
from bulk.ledger import Board
from bulk.ledger.board import AWAITING, CODE, code_set
from bulk.runner.setup import Options

_ROWS_AT_ONCE = 1 << 20


def asked_of(board: Board, options: Options) -> int:
    """Return how many rows of a step a run with these options is to settle, as they stand when it begins."""
    wanted = code_set(CODE[Status.PENDING], AWAITING, *(CODE[status] for status in options.again))
    left, asked = board.sendable if options.limit is None else options.limit, 0
    for at in range(0, board.codes.size, _ROWS_AT_ONCE):
        part = slice(at, at + _ROWS_AT_ONCE)
        codes = board.codes[part][~board.told[part]][:left]
        asked, left = asked + int(np.count_nonzero(wanted[codes])), left - codes.size
    return asked
