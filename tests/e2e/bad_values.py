"""Job files whose values and expressions make no sense."""

from bad_input_case import JOB, Case, job_with


def expr(sql: str) -> str:
    """Return the good job with an expression for the name."""
    return job_with(("name: Name", f"name: {{expr: {sql!r}}}"))


VALUES = (
    Case(
        "rate",
        "bulk: job.yaml:7: destinations.customerly.rate: expected a rate such as 10/s, 300/min, "
        "30/3s or 5000/h; found text",
        job=job_with(("1000/s", "10/fortnight")),
    ),
    Case(
        "duration",
        "bulk: job.yaml:7: destinations.customerly.timeout: expected a duration such as 30s, 15m, 26h "
        "or 30d; found text",
        job=job_with(("rate: 1000/s", "timeout: soon")),
    ),
    Case(
        "share",
        'bulk: job.yaml:14: guards.max_failure_rate: expected a share such as 5% or 0.05; found "500%"',
        job=JOB + "guards: {max_failure_rate: 500%}\n",
    ),
    Case(
        "number",
        'bulk: job.yaml:14: guards.canary: expected a whole number; found "many"',
        job=JOB + "guards: {canary: many}\n",
    ),
    Case(
        "URL",
        "bulk: job.yaml:6: destinations.customerly.base_url: expected a URL that begins with https://; "
        "found text",
        job=job_with(("${TRIAL_URL}", "api.example.com")),
    ),
    Case(
        "choice",
        "bulk: job.yaml:14: steps[0].nulls: expected one of 'omit' or 'send'; found \"keep\"",
        job=JOB + "    nulls: keep\n",
    ),
    Case(
        "conversion",
        "bulk: job.yaml:13: steps[0].fields.name.as: expected one of 'int', 'float', 'bool', "
        "'unix_seconds', 'iso8601' or 'json'; found \"date\"",
        job=job_with(("name: Name", "name: {column: Name, as: date}")),
    ),
    Case(
        "split and conversion",
        "bulk: job.yaml:13: steps[0].fields.name: `split` and `as` cannot be combined",
        job=job_with(("name: Name", "name: {column: Name, as: int, split: ;}")),
    ),
    Case(
        "unknown time zone",
        'bulk: job.yaml:14: steps[0].fields.attributes.at: unknown timezone "Europe/Rom"; give an'
        " IANA name such as Europe/Rome",
        job=JOB + "      attributes: {at: {column: Name, as: unix_seconds, timezone: Europe/Rom}}\n",
    ),
    Case(
        "variable that is not set",
        "bulk: job.yaml:6: destinations.customerly.base_url: the environment variable CRM_URL is not set",
        job=job_with(("${TRIAL_URL}", "${CRM_URL}")),
    ),
    Case(
        "credential that is not set",
        "bulk: job.yaml:7: destinations.customerly.auth.token: set OTHER_TOKEN (or OTHER_TOKEN_FILE)",
        job=job_with(("rate: 1000/s", "auth: {token: '${OTHER_TOKEN}'}")),
    ),
    Case(
        "hashed keys without a secret",
        "bulk: this job keeps hashed keys: set BULK_LEDGER_SECRET (or BULK_LEDGER_SECRET_FILE) to a long"
        " random text, such as `openssl rand -hex 32` prints, and keep it as long as the ledger",
        job=JOB + "ledger: {keys: hashed}\n",
    ),
)
EXPRESSIONS = (
    Case(
        "SQL that cannot be read",
        "bulk: job.yaml:13: steps[0].fields.name: cannot read the SQL expression: something is "
        "missing or too much, such as a parenthesis, a quote or a comma",
        job=expr("concat(Name, "),
    ),
    Case(
        "SQL with a word too many",
        "bulk: job.yaml:13: steps[0].fields.name: cannot read the SQL expression at line 1, "
        "column 18: …nonsense",
        job=expr("lower(Name) Name nonsense"),
    ),
    Case(
        "aggregate",
        "bulk: job.yaml:13: steps[0].fields.name: max() is not row-wise: it looks at more than "
        "one row, and the result would depend on how the source is read",
        job=expr("max(Name)"),
    ),
    Case(
        "window",
        "bulk: job.yaml:13: steps[0].fields.name: first_value() is not row-wise: it looks at more"
        " than one row, and the result would depend on how the source is read\n"
        "job.yaml:13: steps[0].fields.name: window functions are not row-wise: it looks at more "
        "than one row, and the result would depend on how the source is read",
        job=expr("first_value(Name) over (partition by Email)"),
    ),
    Case(
        "subquery",
        "bulk: job.yaml:13: steps[0].fields.name: subqueries are not row-wise: an expression sees"
        " one row of the source",
        job=expr("(select Name)"),
    ),
    Case(
        "today",
        "bulk: job.yaml:13: steps[0].fields.name: current_date is not repeatable: the same row "
        "would become another record tomorrow",
        job=expr("concat(Name, current_date)"),
    ),
    Case(
        "unknown column in an expression",
        'bulk: job.yaml:13: steps[0].fields.name: unknown column "Nam"; did you mean "Name"?',
        job=expr("lower(Nam)"),
    ),
    Case(
        "unknown function",
        'bulk: job.yaml:13: steps[0].fields.name: unknown function "lowercase"; did you mean "lower"?',
        job=expr("lowercase(Name)"),
    ),
    Case(
        "where that is no condition",
        "bulk: job.yaml:4: source.where: must be true or false, but the expression gives String",
        job=job_with(("path: people.csv", "path: people.csv\n  where: lower(Name)")),
    ),
    Case(
        "opted_out of an unknown column",
        'bulk: job.yaml:4: source.opted_out: unknown column "Unsubscribed"',
        job=job_with(("path: people.csv", "path: people.csv\n  opted_out: Unsubscribed = 'true'")),
    ),
)
CASES = (*VALUES, *EXPRESSIONS)
