"""The webhook in a job file."""

from pathlib import Path

import pytest
from jobs_by_hand import GOOD, load, mistakes

from bulk.job.notify import Notify

HOOK = "https://hooks.example.com/services/s3cret?to=team"
SECRET = "whsec_c2lnbmluZyBrZXk="
FULL = """\
notify:
  webhook: "${RUN_WEBHOOK}"
  outcomes: true
  headers: {Authorization: "Bearer ${HOOK_TOKEN}"}
  secret: "${HOOK_SECRET}"
"""
ENVIRON = {"RUN_WEBHOOK": HOOK, "HOOK_TOKEN": "s3cret-token", "HOOK_SECRET": SECRET}


def notify(folder: Path, text: str = FULL) -> Notify:
    found = load(folder, GOOD + text, ENVIRON).notify
    assert found is not None
    return found


def test_without_it_nobody_is_told(tmp_path: Path) -> None:
    assert load(tmp_path).notify is None


def test_a_webhook_alone_is_told_the_summary(tmp_path: Path) -> None:
    found = notify(tmp_path, 'notify: {webhook: "${RUN_WEBHOOK}"}\n')
    assert (found.webhook, found.outcomes, found.headers, found.key) == (HOOK, False, {}, None)
    assert str(found) == "a webhook is told the run's summary"


def test_everything_is_filled_in_from_the_environment(tmp_path: Path) -> None:
    found = notify(tmp_path)
    assert (found.webhook, found.headers) == (HOOK, {"Authorization": "Bearer s3cret-token"})
    assert found.key == b"signing key"
    assert str(found) == "a webhook is told the run's summary and every outcome"


def test_neither_address_nor_headers_nor_secret_are_shown(tmp_path: Path) -> None:
    shown = f"{notify(tmp_path)!r} {notify(tmp_path)}"
    assert not [word for word in ("s3cret", "example.com", "whsec") if word in shown]


@pytest.mark.parametrize(
    ("webhook", "parts"),
    [
        (HOOK, ("https://hooks.example.com", "/services/s3cret?to=team")),
        ("http://127.0.0.1:8080", ("http://127.0.0.1:8080", "/")),
        ("https://example.com/a%2Fb", ("https://example.com", "/a%2Fb")),
    ],
)
def test_an_address_is_used_as_it_is_written(webhook: str, parts: tuple[str, str]) -> None:
    assert Notify(webhook=webhook).parts == parts


@pytest.mark.parametrize(
    ("webhook", "local"),
    [
        ("http://127.0.0.1:8080/hook", True),
        ("http://[::1]/hook", True),
        ("http://localhost/hook", True),
        ("https://example.com/127.0.0.1", False),
        ("http://10.0.0.1/hook", False),
        ("http://localhost.example.com/hook", False),
    ],
)
def test_what_is_on_this_machine_is_known(webhook: str, *, local: bool) -> None:
    assert Notify(webhook=webhook).is_local is local


def test_who_is_told_does_not_change_what_is_approved(tmp_path: Path) -> None:
    with_hook, without = load(tmp_path, GOOD + FULL, ENVIRON), load(tmp_path, GOOD)
    assert with_hook.digest == without.digest
    assert with_hook.as_run == without.as_run
    assert with_hook.spec == without.spec


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{webhook: ftp://s3cret}", ".webhook: expected a URL that begins with https://"),
        (
            "{webhook: 'https://me:s3cret@example.com'}",
            ".webhook: expected a URL without a name or password; those belong under headers",
        ),
        ("{webhook: 'https://'}", ".webhook: expected a URL with a host, such as https://example.com/hook"),
        (
            "{webhook: 'https://example.com:s3cret/'}",
            ".webhook: expected a URL with a host, such as https://example.com/hook",
        ),
        (
            "{webhook: 'https://example.com/s3cret hook'}",
            ".webhook: expected a URL of printable ASCII, without spaces and without #",
        ),
        (
            "{webhook: 'https://example.com/#s3cret'}",
            ".webhook: expected a URL of printable ASCII, without spaces and without #",
        ),
        ("{outcomes: true}", ': "webhook" is missing'),
        (
            "{webhok: 's3cret', webhook: 'https://example.com'}",
            ': unknown key "webhok"; did you mean "webhook"?',
        ),
        ("s3cret", ": expected keys with values"),
        (
            "{webhook: 'https://example.com', headers: {X-A: \"s3cret\\r\\nX-B: b\"}}",
            ".headers: a header holds printable ASCII only",
        ),
        (
            "{webhook: 'https://example.com', headers: {Host: s3cret}}",
            ".headers: the header Host is set by the connection itself",
        ),
        (
            "{webhook: 'https://example.com', secret: s3cret}",
            ".secret: expected whsec_ and behind it the key in base64",
        ),
    ],
)
def test_mistakes_are_told_with_their_line_and_without_a_value(tmp_path: Path, given: str, said: str) -> None:
    found = "; found text" if ": expected " in said else ""
    assert mistakes(tmp_path, f"{GOOD}notify: {given}\n") == [f"job.yaml:15: notify{said}{found}"]


def test_a_variable_that_is_not_set_is_a_mistake_of_its_line(tmp_path: Path) -> None:
    assert mistakes(tmp_path, GOOD + FULL, {"HOOK_TOKEN": "t", "HOOK_SECRET": SECRET}) == [
        "job.yaml:16: notify.webhook: the environment variable RUN_WEBHOOK is not set"
    ]
