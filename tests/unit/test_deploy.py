"""The manifests of `deploy/` hold what docs/operate.md says of them, and run what there is."""

import re
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import typer
from pages import README, page
from ruamel.yaml import YAML

import bulk
from bulk import errors
from bulk.cli.main import app
from bulk.errors import UNEXPECTED
from bulk.job import Job, load_job
from bulk.runner.run import SOME_FAILED

REPOSITORY = Path(bulk.__file__).resolve().parents[1]
DEPLOY = REPOSITORY / "deploy"
OPERATE = page("operate")
DAY = 86_400
USER = 65532
GOES_ON = {4, 130, 143}
"""Exit codes after which the same command goes on."""
SPARE = 15
"""Seconds beside the drain in which what was answered is written, however slow the disk."""
APPROVED_BY = "BULK_APPROVED_BY"
"""The only variable whose value is no file: it is meant to be read."""


def documents(text: str) -> list[Any]:
    """Read YAML as Kubernetes does, where 0440 is octal."""
    yaml = YAML(typ="safe", pure=True)
    yaml.version = "1.1"
    return list(yaml.load_all(text))


@dataclass(frozen=True)
class Manifest:
    """A manifest of `deploy/` that starts a pod."""

    name: str

    @cached_property
    def text(self) -> str:
        return (DEPLOY / f"{self.name}.yaml").read_text(encoding="utf-8")

    @cached_property
    def document(self) -> dict[str, Any]:
        (document,) = documents(self.text)
        return dict(document)

    @property
    def pod(self) -> dict[str, Any]:
        return dict(self.document["spec"])

    @property
    def container(self) -> dict[str, Any]:
        (container,) = self.pod["containers"]
        return dict(container)

    @property
    def mounts(self) -> dict[PurePosixPath, tuple[dict[str, Any], dict[str, Any]]]:
        """Mounts with their volumes, by where they are."""
        volumes = {volume["name"]: volume for volume in self.pod["volumes"]}
        return {
            PurePosixPath(mount["mountPath"]): (mount, volumes[mount["name"]])
            for mount in self.container["volumeMounts"]
        }


@dataclass(frozen=True)
class Work(Manifest):
    """A Job or CronJob of `deploy/`, and the job file that it is about."""

    job_file: str

    @property
    def cron(self) -> bool:
        return bool(self.document["kind"] == "CronJob")

    @property
    def spec(self) -> dict[str, Any]:
        spec = self.document["spec"]
        return dict(spec["jobTemplate"]["spec"] if self.cron else spec)

    @property
    def pod(self) -> dict[str, Any]:
        return dict(self.spec["template"]["spec"])

    @property
    def args(self) -> list[str]:
        return list(self.container["args"])

    @property
    def job(self) -> Job:
        return load_job(REPOSITORY / "jobs" / self.job_file, {})

    @property
    def ledger(self) -> str:
        return next(arg for arg in self.args if arg.endswith(".ledger"))


SYNC = Work("suppression-sync", "suppression-sync.yaml")
ERASURE = Work("erasure", "erasure.yaml")
VERIFY = Work("verify", "erasure.yaml")
LEDGERS = Manifest("ledgers")
ALL = pytest.mark.parametrize("one", [SYNC, ERASURE, VERIFY], ids=lambda one: one.name)
PODS = pytest.mark.parametrize("one", [SYNC, ERASURE, VERIFY, LEDGERS], ids=lambda one: one.name)
CLAIMS = {one["metadata"]["name"]: one for one in documents((DEPLOY / "volume.yaml").read_text())}


def test_every_manifest_is_looked_at() -> None:
    expected = {"volume", SYNC.name, ERASURE.name, VERIFY.name, LEDGERS.name}
    assert expected == {path.stem for path in DEPLOY.iterdir()}


@ALL
def test_exit_codes_decide_after_disruptions_what_becomes_of_a_job(one: Work) -> None:
    assert one.pod["restartPolicy"] == "Never", "podFailurePolicy is refused otherwise"
    disrupted, final, again = one.spec["podFailurePolicy"]["rules"]
    assert disrupted == {
        "action": "Ignore",
        "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
    }
    codes = {"containerName": one.container["name"], "operator": "In"}
    assert final == {"action": "FailJob", "onExitCodes": {**codes, "values": [1, 2, 3, 5]}}
    assert again == {"action": "Count", "onExitCodes": {**codes, "values": sorted(GOES_ON)}}


def test_what_can_go_on_is_tried_again_and_verify_the_next_day() -> None:
    tries = [one.spec["backoffLimit"] for one in (SYNC, ERASURE, VERIFY)]
    assert tries == [6, 6, 0]


def scheduled() -> dict[int, str]:
    """Return the table of the page: what a scheduler does, by exit code."""
    rows = re.findall(r"^\| ([0-9, ]+) \| (\w+) \|", OPERATE.section("Kubernetes"), re.MULTILINE)
    return {int(code): action for codes, action in rows for code in codes.split(",")}


def known_codes() -> set[int]:
    """Return every exit code that a command may end with."""
    stops = {
        kind.exit_code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.BulkError)
    }
    return {0, UNEXPECTED, SOME_FAILED, 130, 143} | stops


def test_the_pages_tell_a_scheduler_every_exit_code() -> None:
    assert scheduled().keys() == known_codes()
    rows = re.findall(r"^\| ([0-9, ]+) \|", README.section("Exit codes"), re.MULTILINE)
    assert {int(code) for codes in rows for code in codes.split(",")} == known_codes()


@ALL
def test_the_manifests_do_what_that_table_says(one: Work) -> None:
    actions = {"FailJob": "page", "Count": "restart"}
    done = {
        code: actions[rule["action"]]
        for rule in one.spec["podFailurePolicy"]["rules"]
        if "onExitCodes" in rule
        for code in rule["onExitCodes"]["values"]
    }
    assert scheduled() == {0: "ignore", **done}


@ALL
def test_a_night_never_runs_beside_another_and_ends_before_the_next(one: Work) -> None:
    if one.cron:
        spec = one.document["spec"]
        assert spec["concurrencyPolicy"] == "Forbid"
        assert re.fullmatch(r"\d+ \d+ \* \* \*", spec["schedule"]), "every day"
        assert 600 <= spec["startingDeadlineSeconds"] < DAY
        assert one.spec["activeDeadlineSeconds"] < DAY
    else:
        assert one.spec["activeDeadlineSeconds"] <= DAY


@ALL
def test_the_grace_period_is_longer_than_what_is_under_way(one: Work) -> None:
    places = one.job.destinations.values()
    longest = max(max(place.drain, place.timeout) for place in places)
    assert one.pod["terminationGracePeriodSeconds"] >= longest + SPARE


@PODS
def test_a_pod_has_no_rights(one: Manifest) -> None:
    assert one.pod["automountServiceAccountToken"] is False
    assert one.pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert one.container["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }


@PODS
def test_only_the_ledgers_volume_can_be_written(one: Manifest) -> None:
    writable = {path for path, (mount, _) in one.mounts.items() if not mount.get("readOnly")}
    assert writable == {PurePosixPath("/data")}
    _, volume = one.mounts[PurePosixPath("/data")]
    assert CLAIMS[volume["persistentVolumeClaim"]["claimName"]]["spec"]["accessModes"] == ["ReadWriteOncePod"]


@ALL
def test_a_ledger_stands_on_that_volume(one: Work) -> None:
    assert PurePosixPath(one.ledger).parent == PurePosixPath("/data")


def test_who_looks_at_the_ledgers_can_send_nothing_and_keeps_the_volume_an_hour_at_most() -> None:
    assert [entry["name"] for entry in LEDGERS.container["env"]] == ["BULK_LEDGER_SECRET_FILE"]
    assert LEDGERS.mounts.keys() == {PurePosixPath("/data"), PurePosixPath("/secrets/ledger")}
    assert LEDGERS.pod["activeDeadlineSeconds"] <= 3600
    shown = re.findall(r"^#   (kubectl .*)$", LEDGERS.text, re.MULTILINE)
    assert shown
    assert set(shown) <= set(OPERATE.text.splitlines()), "where the commands are tried"


def test_the_image_writes_nowhere_else() -> None:
    dockerfile = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
    _, _, final = dockerfile.rpartition("\nFROM ")
    written = re.findall(r"(?:HOME=|BULK_STATE_DIR=|WORKDIR |VOLUME )(/\S*)", final)
    assert sorted(written) == ["/data", "/data", "/data", "/data/.bulk"]
    assert f"USER {USER}:{USER}" in final


def test_an_erasure_is_verified_in_the_ledger_that_it_is_recorded_in() -> None:
    assert ERASURE.ledger == VERIFY.ledger
    assert SYNC.ledger != ERASURE.ledger


@ALL
def test_the_command_line_takes_the_arguments(one: Work) -> None:
    group = typer.main.get_command(app)
    command = group.commands[one.args[0]]  # type: ignore[attr-defined]  # a group, whose type typer does not export
    context = command.make_context(one.args[0], one.args[1:])
    assert context.params["log_format"] == "json"
    assert context.params.get("require_ledger", True), "a volume that was not mounted"


@ALL
def test_secrets_come_as_files_that_are_mounted(one: Work) -> None:
    assert "envFrom" not in one.container
    named = {}
    for variable in one.container["env"]:
        assert variable.keys() == {"name", "value"}
        if variable["name"] != APPROVED_BY:
            assert variable["name"].endswith("_FILE")
            named[variable["name"].removesuffix("_FILE")] = PurePosixPath(variable["value"])
    for name, path in named.items():
        _, volume = one.mounts[path.parent]
        assert path.name == name, "what --from-file makes of a folder"
        kept = "bulk-ledger-secret" if name == "BULK_LEDGER_SECRET" else "bulk-credentials"
        assert volume["secret"]["secretName"] == kept
    needed = {
        credential.variable for place in one.job.destinations.values() for credential in place.credentials
    }
    assert named.keys() == needed | ({"BULK_LEDGER_SECRET"} if one.job.erases else set())


@PODS
def test_every_volume_is_made_by_what_the_page_says(one: Manifest) -> None:
    made = {
        "configMap": set(re.findall(r"^kubectl create configmap (\S+) ", OPERATE.text, re.MULTILINE)),
        "secret": set(re.findall(r"^kubectl create secret generic (\S+) ", OPERATE.text, re.MULTILINE)),
        "persistentVolumeClaim": set(CLAIMS),
    }
    names = {"configMap": "name", "secret": "secretName", "persistentVolumeClaim": "claimName"}
    for volume in one.pod["volumes"]:
        kind = next(iter(volume.keys() - {"name"}))
        assert volume[kind][names[kind]] in made[kind]
        assert kind != "secret" or volume[kind]["defaultMode"] == 0o440, "for root and the user alone"


@pytest.mark.parametrize("one", [SYNC, ERASURE], ids=lambda one: one.name)
def test_a_job_file_is_mounted_as_it_is_shipped(one: Work) -> None:
    path = PurePosixPath(one.args[1])
    mount, volume = one.mounts[path]
    assert (mount["subPath"], volume["configMap"]) == (one.job_file, {"name": "bulk-jobs"})
    assert (REPOSITORY / "jobs" / mount["subPath"]).is_file()


@ALL
def test_what_a_job_reads_is_mounted_where_the_job_looks_for_it(one: Work) -> None:
    paths = [*one.job.source.paths, *(path for hold in one.job.holds for path in hold.paths)]
    assert {PurePosixPath("/jobs", path).parent for path in paths} <= one.mounts.keys()


def test_an_erasure_cannot_be_applied_but_only_created_with_a_digest() -> None:
    assert ERASURE.document["metadata"].keys() == {"generateName"}, "kubectl apply refuses that"
    assert ERASURE.args[ERASURE.args.index("--confirm") + 1] == "DIGEST"
    created = edited("sed", "-e", "s/DIGEST/93aa/", "-e", "/--require-ledger/d", str(DEPLOY / "erasure.yaml"))
    expected = ["93aa" if arg == "DIGEST" else arg for arg in ERASURE.args if arg != "--require-ledger"]
    (job,) = documents(created)
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == expected
    assert "sed -e s/DIGEST/…/ -e /--require-ledger/d deploy/erasure.yaml |" in OPERATE.text


def test_the_first_night_is_a_night_without_a_ledger_to_ask_for(tmp_path: Path) -> None:
    # kubectl writes one argument a line, as YAML in block style.
    night = tmp_path / "night.yaml"
    with night.open("w", encoding="utf-8") as file:
        YAML().dump(SYNC.spec, file)
    without = ("grep", "-v", "-e", "--require-ledger", "-e", "activeDeadlineSeconds")
    (spec,) = documents(edited(*without, str(night)))
    args = spec["template"]["spec"]["containers"][0]["args"]
    assert args == [arg for arg in SYNC.args if arg != "--require-ledger"]
    assert SYNC.spec.keys() - spec.keys() == {"activeDeadlineSeconds"}
    assert f"| {' '.join(without)} | kubectl apply" in OPERATE.text
    assert f"#     {' '.join(without)} | kubectl apply" in SYNC.text


def edited(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
