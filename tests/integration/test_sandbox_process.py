"""The sandbox as a process: it announces itself, and it never outlives whoever needs it."""

import signal
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import orjson
import pytest
import typer
from typer.testing import CliRunner

from bulk.cli.sandbox import sandbox
from bulk.errors import BulkError
from bulk.sandbox.launcher import running_sandbox
from bulk.sandbox.options import SandboxOptions

LIMIT_SECONDS = 20.0
MODULE = [sys.executable, "-m", "bulk.sandbox"]


def started(*arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([*MODULE, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def announced(process: "subprocess.Popen[bytes]") -> dict[str, str]:
    assert process.stdout is not None
    urls: dict[str, str] = orjson.loads(process.stdout.readline())
    return urls


def test_a_launched_sandbox_serves_and_is_gone_afterwards() -> None:
    with running_sandbox(SandboxOptions(rate="7/min")) as urls:
        with urlopen(f"{urls['control']}/stats") as answer:
            assert orjson.loads(answer.read())["customerly"]["rate"] == {"requests": 7, "seconds": 60.0}
        assert urls["customerly"].endswith("/v1")
    with pytest.raises(URLError):
        urlopen(f"{urls['control']}/stats")


def test_a_launched_sandbox_ends_when_its_user_fails() -> None:
    class OwnError(Exception):
        pass

    def use() -> None:
        with running_sandbox() as urls:
            addresses.append(urls["control"])
            raise OwnError

    addresses: list[str] = []
    with pytest.raises(OwnError):
        use()
    with pytest.raises(URLError):
        urlopen(f"{addresses[0]}/stats")


def test_a_working_directory_with_a_module_of_our_name_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bulk.py").write_text("raise SystemExit('the wrong one')")
    monkeypatch.chdir(tmp_path)
    with running_sandbox() as urls:
        assert urls["control"].startswith("http://127.0.0.1:")


def test_a_sandbox_that_cannot_start_is_told_in_a_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    with (
        running_sandbox() as urls,
        pytest.raises(BulkError, match="did not start"),
        running_sandbox(SandboxOptions(port=int(urls["control"].split(":")[2].split("/")[0]))),
    ):
        pass
    assert "cannot listen on 127.0.0.1" in capfd.readouterr().err


def test_a_sandbox_that_takes_too_long_is_ended() -> None:
    with (
        pytest.raises(BulkError, match=r"did not start within 0\.001 s"),
        running_sandbox(start_seconds=0.001),
    ):
        pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_well(number: signal.Signals) -> None:
    with started() as process:
        announced(process)
        process.send_signal(number)
        assert process.wait(LIMIT_SECONDS) == 0


def test_the_end_of_its_input_ends_it_if_it_was_asked_to() -> None:
    with started("--with-parent") as process:
        announced(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(LIMIT_SECONDS) == 0


def test_it_dies_with_a_parent_that_is_killed() -> None:
    parent = (
        "import sys\nfrom bulk.sandbox.launcher import running_sandbox\n"
        "with running_sandbox() as urls:\n    print(urls['control'], flush=True)\n    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", parent]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        control = process.stdout.readline().decode().strip()
        with urlopen(f"{control}/stats") as answer:
            assert answer.status == 200
        process.kill()
        # The sandbox inherited standard error: its end is the sandbox's end.
        assert process.stderr.read() == b""
    with pytest.raises(URLError):
        urlopen(f"{control}/stats")


def test_the_command_tells_people_what_to_set_and_programs_where_it_is() -> None:
    program = "import typer; from bulk.cli.sandbox import sandbox; typer.run(sandbox)"
    command = [sys.executable, "-c", program, "--port", "0", "--rate", "9/s"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        urls = announced(process)
        process.terminate()
        _, told = process.communicate(timeout=LIMIT_SECONDS)
    assert process.returncode == 0
    setting = f"--set destinations.customerly.base_url={urls['customerly']}"
    assert f"CUSTOMERLY_TOKEN=sandbox-token bulk run JOB {setting}" in told.decode()
    for name, url in urls.items():
        assert url in told.decode(), name
    for variable in (
        "CUSTOMERIO_SITE_ID",
        "CUSTOMERIO_API_KEY",
        "CUSTOMERIO_APP_API_KEY",
        "KUSTOMER_API_KEY",
    ):
        assert f"{variable}=sandbox" in told.decode()


def test_the_command_gives_single_systems_limits_and_faults() -> None:
    program = "import typer; from bulk.cli.sandbox import sandbox; typer.run(sandbox)"
    given = ["--rate", "9/s", "--rate", "http=5/min", "--faults", "http=1", "--down", "kustomer"]
    with subprocess.Popen(
        [sys.executable, "-c", program, "--port", "0", *given], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        urls = announced(process)
        with pytest.raises(HTTPError, match="503"):
            urlopen(f"{urls['kustomer']}/users/current")
        with urlopen(f"{urls['control']}/stats") as answer:
            stats = orjson.loads(answer.read())
        process.terminate()
        process.communicate(timeout=LIMIT_SECONDS)
    assert stats["customerly"]["rate"] == {"requests": 9, "seconds": 1.0}
    assert stats["http"]["rate"] == {"requests": 5, "seconds": 60.0}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--rate", "often"], '"often" is not a rate'),
        (["--rate", "http=often"], '"often" is not a rate'),
        (["--faults", "some"], '"some" is not a share'),
        (["--faults", "2"], "lies between 0 and 1"),
        (["--down", "htpp"], 'the sandbox has no "htpp"'),
    ],
)
def test_the_command_refuses_nonsense_with_a_sentence(given: list[str], told: str) -> None:
    app = typer.Typer()
    app.command()(sandbox)
    result = CliRunner().invoke(app, given)
    assert (result.exit_code, told in result.output) == (2, True)
