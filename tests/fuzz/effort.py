"""How much a fuzzer tries: the same few examples in every run of the suite, many new ones on request."""

import os

from hypothesis import HealthCheck, Phase, settings

TIMES = int(os.environ.get("FUZZ_TIMES", "1"))
"""How many times the examples of the suite are tried; other ones each time, if it is more than once."""


def effort(examples: int) -> settings:
    """Return the settings of a fuzzer that tries so many examples in the suite."""
    return settings(
        max_examples=examples * TIMES,
        derandomize=TIMES == 1,
        database=None,
        phases=(Phase.generate,),  # what fails is told by a blob; to shrink it may take hours
        print_blob=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
