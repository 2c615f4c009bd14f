from pathlib import Path
from typing import Any

import pytest
from jobs_by_hand import GOOD, changed, load, mistakes

from bulk.errors import JobError, UsageError
from bulk.job.environment import fill, fill_text, variable
from bulk.job.settings import lay_over


def laid(setting: str, job: dict[str, Any] | None = None) -> dict[str, Any]:
    target = job or {
        "name": "sync",
        "steps": [{"name": "a"}, {"name": "b"}],
        "source": {"path": ["x"]},
        "empty": None,
    }
    lay_over(target, setting)
    return target


@pytest.mark.parametrize(
    ("setting", "path", "expected"),
    [
        ("name=other", ("name",), "other"),
        ("destinations.customerly.rate=50/s", ("destinations", "customerly", "rate"), "50/s"),
        ("steps.1.batch_size=7", ("steps", 1, "batch_size"), 7),
        ("steps[0].batch_size=7", ("steps", 0, "batch_size"), 7),
        ("source.path[0]=y", ("source", "path", 0), "y"),
        ("source.null_values=[NA, '']", ("source", "null_values"), ["NA", ""]),
        ("source.where=country = 'NO'", ("source", "where"), "country = 'NO'"),
        ("source.where=", ("source", "where"), None),
        ("empty.below=1", ("empty", "below"), 1),
        ("name=NO", ("name",), "NO"),
        ("name=2024-01-01", ("name",), "2024-01-01"),
        ("name=0123", ("name",), "0123"),
        ("name={not: [closed", ("name",), "{not: [closed"),
        ("name=a=b", ("name",), "a=b"),
    ],
)
def test_a_setting_changes_exactly_what_it_names(
    setting: str, path: tuple[str | int, ...], expected: object
) -> None:
    found: Any = laid(setting)
    for part in path:
        found = found[part]

    assert found == expected


@pytest.mark.parametrize(
    "setting",
    [
        "name",
        "=x",
        "..=x",
        "name.below=1",
        "steps.2.name=x",
        "steps.x.name=x",
        "steps[-1].name=x",
        "steps.²=x",
        "source.path.0.below=x",
        "source.path.1=x",
    ],
)
def test_a_setting_that_leads_nowhere_is_a_wrong_usage(setting: str) -> None:
    with pytest.raises(UsageError, match="--set"):
        laid(setting)


def test_a_setting_with_a_tag_is_refused() -> None:
    with pytest.raises(JobError, match="tags"):
        laid("name=!!python/name:os.system x")


def test_settings_are_checked_like_the_file(tmp_path: Path) -> None:
    assert load(tmp_path, settings=["steps.0.batch_size=7"]).steps[0].batch_size == 7
    assert mistakes(tmp_path, GOOD, settings=["steps.0.batch_size=many"]) == [
        '--set steps[0].batch_size: expected a whole number; found "many"'
    ]


# The environment.


def test_a_variable_comes_from_the_environment_or_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("  from-file\n")

    assert variable("TOKEN", {"TOKEN": "plain", "TOKEN_FILE": str(secret)}) == "plain"
    assert variable("TOKEN", {"TOKEN": "", "TOKEN_FILE": str(secret)}) == "from-file"
    assert variable("TOKEN", {}) is None
    assert variable("TOKEN", {"TOKEN": "", "TOKEN_FILE": ""}) is None


def test_an_empty_secret_file_sets_nothing(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("\n")

    assert variable("TOKEN", {"TOKEN_FILE": str(tmp_path / "token")}) is None


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_secret_file_that_cannot_be_read_is_told_without_its_path(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "s3cret-name"
    if content:
        file.write_bytes(content)

    with pytest.raises(JobError) as caught:
        variable("TOKEN", {"TOKEN_FILE": str(file)})

    assert str(caught.value) == "the file that TOKEN_FILE names cannot be read"


def test_every_reference_in_a_text_is_filled_in_and_the_missing_are_named() -> None:
    assert fill_text("${A}-${B}-$C-${A}", {"A": "1"}) == ("1--$C-1", ["B"])


def test_values_are_filled_in_everywhere_but_under_auth_and_in_steps() -> None:
    job = {
        "source": {"path": ["${A}.csv", 3, None]},
        "destinations": {"x": {"auth": {"token": "${A}"}, "base_url": "${A}"}},
        "steps": [{"fields": {"name": "${A}"}}],
    }

    filled, missing = fill(job, {"A": "1"})

    assert filled == {
        "source": {"path": ["1.csv", 3, None]},
        "destinations": {"x": {"auth": {"token": "${A}"}, "base_url": "1"}},
        "steps": [{"fields": {"name": "${A}"}}],
    }
    assert missing == []


def test_a_variable_that_is_not_set_is_a_mistake_with_its_line(tmp_path: Path) -> None:
    text = changed("people.csv", "${FOLDER}/people.csv")

    assert mistakes(tmp_path, text) == ["job.yaml:3: source.path: the environment variable FOLDER is not set"]
    assert load(tmp_path, text, {"FOLDER": "in"}).source.paths == ("in/people.csv",)


def test_a_token_that_is_not_set_is_no_mistake_of_the_file(tmp_path: Path) -> None:
    assert load(tmp_path).destinations["customerly"].auth == {"token": "${CUSTOMERLY_TOKEN}"}
