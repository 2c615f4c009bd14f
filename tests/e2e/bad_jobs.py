"""Job files with mistakes in them."""

import os
from pathlib import Path

from bad_input_case import JOB, Case, job_with

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdef", "bcdefg", strict=True)
)
FIVE = job_with(
    ("name: trial", "name: Trial Run"),
    ("path: people.csv", "pth: people.csv"),
    ("rate: 1000/s", "rate: fast"),
    ("operation: upsert_user", "operation: upsert_user\n    batch_size: 0"),
    ("source:", "guards: {tolerate: 200%}\nsource:"),
)


def _no_job(folder: Path) -> None:
    (folder / "job.yaml").unlink()


def _folder_job(folder: Path) -> None:
    (folder / "job.yaml").unlink()
    (folder / "job.yaml").mkdir()


def _locked_job(folder: Path) -> None:
    os.chmod(folder / "job.yaml", 0)  # noqa: PTH101 - as a person would


FILES = (
    Case(
        "job file missing",
        'bulk: jbo.yaml: there is no such job file; did you mean "job.yaml"?',
        args=("run", "jbo.yaml"),
    ),
    Case("job file missing, nothing near", "bulk: job.yaml: there is no such job file", damage=_no_job),
    Case(
        "job file is a folder", "bulk: job.yaml: this is a folder; name a job file in it", damage=_folder_job
    ),
    Case(
        "job file is binary",
        "bulk: job.yaml: a job file is text in UTF-8; this is not",
        job=b"\x89PNG\r\n\x1a\n\x00\x00\xff\xfe",
    ),
    Case(
        "job file is empty",
        "bulk: job.yaml: a job file holds keys such as name, source, destinations and steps",
        job="",
    ),
    Case(
        "job file is a list",
        "bulk: job.yaml: a job file holds keys such as name, source, destinations and steps",
        job="- name: trial\n",
    ),
    Case(
        "job file may not be read",
        "bulk: job.yaml: cannot be read (Permission denied)",
        damage=_locked_job,
        needs_user=True,
    ),
    Case(
        "broken YAML",
        "bulk: job.yaml:11: not valid YAML: …",
        job=job_with(("operation: upsert_user", "operation: [upsert_user")),
    ),
    Case("YAML with a tab", "bulk: job.yaml:7: not valid YAML: …", job=job_with(("    rate", "\trate"))),
    Case(
        "YAML tag",
        "bulk: job.yaml:3: YAML tags (!…) are not allowed",
        job=job_with(("path: people.csv", "path: !!python/name:os.system people.csv")),
    ),
    Case("YAML alias bomb", "bulk: job.yaml: too many values (aliases repeat them?)", job=BOMB + JOB),
    Case(
        "YAML alias to nothing",
        "bulk: job.yaml:3: not valid YAML: …alias 'people'",
        job=job_with(("people.csv", "*people")),
    ),
    Case(
        "key given twice",
        'bulk: job.yaml:8: destinations.customerly: the key "rate" stands here twice',
        job=job_with(("rate: 1000/s", "rate: 1000/s\n    rate: 5/s")),
    ),
    Case(
        "two YAML documents",
        "bulk: job.yaml:14: not valid YAML: …another document; …without ---",
        job=JOB + "---\n" + JOB,
    ),
    Case(
        "five mistakes at once",
        "bulk: job.yaml:1: name: expected lower-case letters, digits, dots, dashes and "
        'underscores, at most 64; found "Trial Run"\n'
        'job.yaml:2: guards.tolerate: expected a share such as 5% or 0.05; found "200%"\n'
        'job.yaml:4: source: unknown key "pth"; did you mean "path"?\n'
        "job.yaml:8: destinations.customerly.rate: expected a rate such as 10/s, 300/min, 30/3s "
        "or 5000/h; found text\n"
        "job.yaml:12: steps[0].batch_size: expected at least 1; found 0",
        job=FIVE,
    ),
)
NAMES = (
    Case(
        "unknown key",
        'bulk: job.yaml:1: "steps" is missing\njob.yaml:8: unknown key "step"; did you mean "steps"?',
        job=job_with(("steps:", "step:")),
    ),
    Case(
        "unknown key in the source",
        'bulk: job.yaml:4: source: unknown key "encodng"; did you mean "encoding"?',
        job=job_with(("path: people.csv", "path: people.csv\n  encodng: utf-8")),
    ),
    Case(
        "unknown key of a destination",
        'bulk: job.yaml:7: destinations.customerly: unknown key "concurency"; did you mean "concurrency"?',
        job=job_with(("rate: 1000/s", "concurency: 8")),
    ),
    Case(
        "path and database",
        "bulk: job.yaml:2: source: give either path or database",
        job=job_with(("path: people.csv", "path: people.csv\n  database: {uri: x, query: y}")),
    ),
    Case(
        "unknown system",
        'bulk: job.yaml:5: destinations.customerli: unknown system "customerli"; known are '
        "customerly, customerio, kustomer, http\n"
        'job.yaml:9: steps[0].destination: unknown destination "customerly"; did you mean '
        '"customerli"?',
        job=job_with(("customerly:", "customerli:")),
    ),
    Case(
        "system nobody knows",
        'bulk: job.yaml:6: destinations.customerly: unknown system "acme"; known are customerly, customerio, '
        "kustomer, http",
        job=job_with(("base_url", "system: acme\n    base_url")),
    ),
    Case(
        "operation of another system",
        'bulk: job.yaml:11: steps[0].operation: unknown operation "upsert_user" at kustomer, it is one of '
        'customerly; did you mean "upsert_customer"?',
        job=job_with(("base_url", "system: kustomer\n    base_url")),
    ),
    Case(
        "unknown operation",
        'bulk: job.yaml:10: steps[0].operation: unknown operation "upsert_users"; did you mean '
        '"upsert_user"?',
        job=job_with(("upsert_user", "upsert_users")),
    ),
    Case(
        "unknown operation, nothing near",
        'bulk: job.yaml:10: steps[0].operation: unknown operation "frobnicate"; customerly has '
        "upsert_user, upsert_lead, delete_user, delete_lead, unsubscribe_user, add_user_attributes, "
        "add_user_to_company, add_company_attributes, tag, untag, delete_tag, send_message, "
        "create_collection, update_collection, delete_collection, create_article, update_article, "
        "delete_article, erase_person",
        job=job_with(("upsert_user", "frobnicate")),
    ),
    Case(
        "unknown destination",
        'bulk: job.yaml:9: steps[0].destination: unknown destination "custmerly"; did you mean "customerly"?',
        job=job_with(("destination: customerly", "destination: custmerly")),
    ),
    Case(
        "unknown field",
        'bulk: job.yaml:11: steps[0].fields: upsert_user needs the field "email"\n'
        'job.yaml:12: steps[0].fields: unknown field "emial"; did you mean "email"?',
        job=job_with(("email: Email", "emial: Email")),
    ),
    Case(
        "needed field not mapped",
        'bulk: job.yaml:11: steps[0].fields: upsert_user needs the field "email"',
        job=job_with(("      email: Email\n", "")),
    ),
    Case(
        "unknown column",
        'bulk: job.yaml:12: steps[0].fields.email: unknown column "E-mail"; did you mean "Email"?',
        job=job_with(("email: Email", "email: E-mail")),
    ),
    Case(
        "name of the job",
        "bulk: job.yaml:1: name: expected lower-case letters, digits, dots, dashes and "
        'underscores, at most 64; found "../trial"',
        job=job_with(("name: trial", "name: ../trial")),
    ),
    Case(
        "same step twice",
        'bulk: job.yaml:14: steps[1]: two steps are called "upsert_user"; give this one a name of its own',
        job=JOB + JOB[JOB.index("  - destination") :],
    ),
    Case(
        "attribute name with spaces",
        'bulk: job.yaml:14: steps[0].fields.attributes.first name: the member name "first name" '
        "is not allowed here; its form is [A-Za-z0-9_-]+",
        job=JOB + "      attributes: {first name: Name}\n",
    ),
)
OUT = "who\nmarker.ada@example.com\n"
HEX = "who\n" + "0123456789abcdef" * 2 + "\n"


def _suppressing(entry: str) -> str:
    """Return the job with one suppression list, on line 15."""
    return f"{JOB}suppression:\n  - {{{entry}}}\n"


LISTS = (
    Case(
        "suppression list missing",
        'bulk: job.yaml:15: suppression[0].path: there is no file ot.csv; did you mean "out.csv"?',
        job=_suppressing("path: ot.csv, column: who"),
        files={"out.csv": OUT},
    ),
    Case(
        "suppression list is a folder, its exceptions are missing",
        "bulk: job.yaml:15: suppression[0].path: lists is a folder; …\n"
        "job.yaml:15: suppression[0].except.path: there is no file back.csv…",
        job=_suppressing("path: lists, column: who, except: {path: back.csv, column: who}"),
        files={"lists/out.csv": OUT},
    ),
    Case(
        "suppression list is empty",
        "bulk: job.yaml:15: suppression[0].path: out.csv is empty; …",
        job=_suppressing("path: out.csv, column: who"),
        files={"out.csv": ""},
    ),
    Case(
        "suppression list is damaged",
        "bulk: job.yaml:15: suppression[0].path: out.csv.gz …",
        job=_suppressing("path: out.csv.gz, column: who"),
        files={"out.csv.gz": b"\x1f\x8b\x08\x00marker"},
    ),
    Case(
        "suppression list with a malformed row",
        "bulk: job.yaml:15: suppression[0].path: line 2 cannot be read, … mend it, or whoever stands there "
        "is not held back",
        job=_suppressing("path: out.csv, column: who"),
        files={"out.csv": "who,since\nmarker@example.com\n"},
    ),
    Case(
        "suppression column missing",
        'bulk: job.yaml:15: suppression[0].column: out.csv has no column "Who"; did you mean "who"?',
        job=_suppressing("path: out.csv, column: Who"),
        files={"out.csv": OUT},
    ),
    Case(
        "suppression list is not hashed as said",
        "bulk: job.yaml:15: suppression[0].path: out.csv holds no sha256, which has 64 hexadecimal digits; "
        "check `hash` and `column`",
        job=_suppressing("path: out.csv, column: who, hash: sha256"),
        files={"out.csv": HEX},
    ),
    Case(
        "suppression field that is not mapped",
        'bulk: job.yaml:15: suppression[0].field: no step that is held back maps the field "emial"; '
        'did you mean "email"?',
        job=_suppressing("path: out.csv, column: who, field: emial"),
        files={"out.csv": OUT},
    ),
    Case(
        "suppression shares no field with the job",
        "bulk: job.yaml:17: suppression[0]: shares no field with the job: no e-mail, phone or id is mapped; "
        "name one with `field`",
        job=job_with(
            ("customerly:\n", "other:\n    system: http\n"),
            ("destination: customerly", "destination: other"),
            ("upsert_user", "request\n    path: /people"),
            ("email: Email", "contact: Email"),
        )
        + "suppression:\n  - {path: out.csv, column: who}\n",
        files={"out.csv": OUT},
    ),
    Case(
        "suppression secret that is not set",
        "bulk: job.yaml:15: suppression[0].secret: the environment variable LIST_SECRET is not set",
        job=_suppressing('path: out.csv, column: who, hash: hmac-sha256, secret: "${LIST_SECRET}"'),
        files={"out.csv": OUT},
    ),
    Case(
        "suppression secret missing",
        'bulk: job.yaml:15: suppression[0]: hmac-sha256 needs a "secret", such as secret: "${LIST_SECRET}"',
        job=_suppressing("path: out.csv, column: who, hash: hmac-sha256"),
        files={"out.csv": OUT},
    ),
    Case(
        "suppression secret where none belongs",
        'bulk: job.yaml:15: suppression[0]: a "secret" belongs to hash: hmac-sha256 only',
        job=_suppressing("path: out.csv, column: who, secret: marker"),
        files={"out.csv": OUT},
    ),
    Case(
        "suppression by a hash nobody knows, and a key nobody knows",
        "bulk: job.yaml:15: suppression[0].hash: expected one of 'none', 'md5', 'sha1', 'sha256' or "
        '\'hmac-sha256\'; found "md6"; did you mean "md5"?\n'
        'job.yaml:15: suppression[0]: unknown key "ledger" here',
        job=_suppressing("path: out.csv, column: who, hash: md6, ledger: erasure.ledger"),
        files={"out.csv": OUT},
    ),
    Case(
        "suppression of what is not text, of what is not there, of everybody alike",
        "bulk: job.yaml:15: suppression[0].of: must give text, but the expression gives …\n"
        'job.yaml:16: suppression[1].of: unknown column "valu"; did you mean "value"?\n'
        'job.yaml:17: suppression[2].of: does not use the column "value", which holds the identifier',
        job=_suppressing("path: out.csv, column: who, of: length(value)")
        + "  - {path: out.csv, column: who, of: lower(valu)}\n"
        + "  - {path: out.csv, column: who, of: \"'a'\"}\n",
        files={"out.csv": OUT},
    ),
)


def _matching(entry: str) -> str:
    """Return the job with a match, on line 14."""
    return f"{JOB}match: {{{entry}}}\n"


MATCHES = (
    Case(
        "match by a listing nobody has, over a column nobody has",
        'bulk: job.yaml:14: match.contacts.pull: customerly does not list "user"; did you mean "users"?',
        job=_matching("contacts: {pull: user}, column: marker"),
    ),
    Case(
        "match over a column nobody has, of what is not row-wise",
        'bulk: job.yaml:14: match.column: unknown column "Emial"; did you mean "Email"?\n'
        "job.yaml:14: match.of: max() is not row-wise: …",
        job=_matching("contacts: {pull: users}, column: Emial, of: max(email)"),
    ),
    Case(
        "match against a file that is missing, beside another mistake",
        'bulk: job.yaml:14: match.contacts.path: there is no file al.csv; did you mean "all.csv"?',
        job=_matching("contacts: {path: al.csv}, column: Email"),
        files={"all.csv": "email\nmarker@example.com\n"},
    ),
    Case(
        "match against a file with a malformed row",
        "bulk: job.yaml:14: match.contacts.path: line 2 cannot be read, … mend it, or whoever stands there "
        "is not found",
        job=_matching("contacts: {path: all.csv}, column: Email"),
        files={"all.csv": "email,plan\nmarker@example.com\n"},
    ),
    Case(
        "match of a column that the file has not, fields of columns that neither has",
        'bulk: job.yaml:12: steps[0].fields.email: unknown column "Emial"; did you mean "Email"?\n'
        'job.yaml:14: match.of: unknown column "email"; did you mean "mail"?; of all.csv, say with "of" '
        "what is hashed or compared",
        job=job_with(("email: Email", "email: Emial")) + "match: {contacts: {path: all.csv}, column: Name}\n",
        files={"all.csv": "mail\nmarker@example.com\n"},
    ),
    Case(
        "match by a keyed hash without its key",
        'bulk: job.yaml:14: match: hmac-sha256 needs a "secret", such as secret: "${LIST_SECRET}"',
        job=_matching("contacts: {pull: users}, column: Email, hash: hmac-sha256"),
    ),
)
CASES = (*FILES, *NAMES, *LISTS, *MATCHES)
