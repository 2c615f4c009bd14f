"""What all tests share. Standing here, it also lets them import the modules beside it."""

from collections.abc import Callable
from typing import Any

import pytest
import virtual_time


@pytest.fixture
def in_virtual_time() -> Callable[[Any], Any]:
    """Run a coroutine to its end on a loop whose clock jumps."""
    return virtual_time.run
