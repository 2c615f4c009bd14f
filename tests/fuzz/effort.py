"""How many examples a fuzzer tries: few in the suite, many with ``--hypothesis-profile=long``."""

from hypothesis import HealthCheck, settings

LONGER = 50
"""A long run tries so many times the examples of the suite."""


def effort(examples: int, *, longer: int = LONGER) -> settings:
    """Return the settings of a fuzzer that tries so many examples in the suite."""
    times = longer if settings.get_current_profile_name() == "long" else 1
    return settings(max_examples=examples * times, deadline=None, suppress_health_check=list(HealthCheck))
