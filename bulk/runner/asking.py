"""How many rows a run is asked to settle."""

import numpy as np

from bulk.conversation import Status
from bulk.ledger import Board
from bulk.ledger.board import AWAITING, CODE, code_set
from bulk.runner.setup import Options


def asked_of(board: Board, options: Options) -> int:
    """Return how many rows of a step a run with these options is to settle, as they stand when it begins."""
    wanted = code_set(CODE[Status.PENDING], AWAITING, *(CODE[status] for status in options.again))
    chosen = wanted[board.codes] & ~board.told
    if options.limit is not None:
        chosen = chosen[np.flatnonzero(~board.told)[: options.limit]]
    return int(np.count_nonzero(chosen))
