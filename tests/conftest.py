"""How much hypothesis tries: the same few examples in every run of the suite, many new ones on request."""

import pytest
from hypothesis import settings

settings.register_profile("suite", derandomize=True, print_blob=True)
settings.register_profile("long", print_blob=True)


def pytest_configure(config: pytest.Config) -> None:
    """Take the profile of the suite, unless the command line names another."""
    if config.getoption("--hypothesis-profile") is None:
        settings.load_profile("suite")
