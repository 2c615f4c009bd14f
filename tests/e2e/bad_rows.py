"""Sources whose text, rows or query are not what they should be."""

import sqlite3

from bad_input_case import AT_DATABASE, AT_PATH, PEOPLE, Case
from bad_sources import file_of, sound_file, source_of

from bulk.conversation import ROW

QUERY = "database: {uri: 'sqlite:///crm.db', query: '%s'}"


def _database() -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute("create table people (Email text, Name text)")
    content = connection.serialize()
    connection.close()
    return content


def _rejected(name: str, says: str, content: str | bytes) -> Case:
    """One row is bad, the others are sent."""
    return Case(name, says, code=3, files={"people.csv": content}, sends=True)


TEXT = (
    file_of(
        "wrong separator",
        'bulk: job.yaml:12: steps[0].fields.email: unknown column "Email"; did you mean '
        '"Email;Name"?\n'
        'job.yaml:13: steps[0].fields.name: unknown column "Name"\n'
        "job.yaml: the header has one column and contains ';': is separator: \";\" meant?",
        PEOPLE.replace(",", ";"),
    ),
    Case(
        "separator of two characters",
        "bulk: job.yaml:4: source.separator: the separator must be one ASCII character, such as ; or a tab",
        job=source_of("path: people.csv", "separator: '||'"),
    ),
    Case(
        "unknown encoding",
        'bulk: job.yaml:4: source.encoding: the encoding "utf-9" is not known; did you mean "utf_8"?',
        job=source_of("path: people.csv", "encoding: utf-9"),
    ),
    file_of(
        "UTF-16 without a mark",
        f"{AT_PATH}the header of people.csv (line 1) cannot be read, there is a NUL byte; check the "
        "encoding and the format",
        PEOPLE.encode("utf-16-le"),
    ),
    sound_file("UTF-16 with a mark", "upsert_user │ 2 │ 2 │ 0 │ 0 │ 0 │ 0 │ 0", PEOPLE.encode("utf-16")),
    sound_file("CR-only lines", "upsert_user │ 2 │ 2 │ 0 │ 0 │ 0 │ 0 │ 0", PEOPLE.replace("\n", "\r")),
    file_of(
        "duplicate header names",
        f'{AT_PATH}people.csv has column "Email" more than once (columns 1, 3); rename one',
        "Email,Name,Email\n",
    ),
    file_of(
        "reserved header name",
        f'{AT_PATH}people.csv has a column "__row__", a name that is kept for bulk; rename it',
        f"Email,Name,{ROW}\n",
    ),
    file_of(
        "quote in the header never closed",
        f"{AT_PATH}the header of people.csv (line 1) cannot be read, a quote is never closed; mend that line",
        'Email,"Name\nmarker@example.com,x\n',
    ),
)
ROWS = (
    _rejected(
        "too many fields",
        "upsert_user │ 3 │ 2 │ 0 │ 1 │ 0 │ 0 │ 0\n"
        "upsert_user: 1 rejected: malformed_row, such as row 3: line 4: the row has 3 fields where the "
        "header has 2\n"
        "They cannot be taken apart: an export tells which lines of the source to mend.\n"
        "bulk export trial.ledger -o failed.csv --status failed,rejected "
        "--with-source",
        f"{PEOPLE}marker.c@example.com,Marker,C\n",
    ),
    _rejected(
        "too few fields",
        "upsert_user │ 3 │ 2 │ 0 │ 1 │ 0 │ 0 │ 0\n"
        "upsert_user: 1 rejected: malformed_row, such as row 3: line 4: the row has 1 field where the "
        "header has 2\n"
        "They cannot be taken apart: an export tells which lines of the source to mend.\n"
        "bulk export trial.ledger -o failed.csv --status failed,rejected "
        "--with-source",
        f"{PEOPLE}marker.c@example.com\n",
    ),
    _rejected(
        "NUL in a row",
        "upsert_user │ 3 │ 2 │ 0 │ 1 │ 0 │ 0 │ 0\n"
        "upsert_user: 1 rejected: malformed_row, such as row 3: line 4: there is a NUL byte\n"
        "They cannot be taken apart: an export tells which lines of the source to mend.\n"
        "bulk export trial.ledger -o failed.csv --status failed,rejected "
        "--with-source",
        f"{PEOPLE}marker.c@example.com,Marker\0\n",
    ),
    _rejected(
        "unclosed quote",
        "upsert_user │ 3 │ 2 │ 0 │ 1 │ 0 │ 0 │ 0\n"
        "upsert_user: 1 rejected: malformed_row, such as row 3: line 4: a quote is never closed\n"
        "They cannot be taken apart: an export tells which lines of the source to mend.\n"
        "bulk export trial.ledger -o failed.csv --status failed,rejected "
        "--with-source",
        f'{PEOPLE}marker.c@example.com,"Marker\n',
    ),
    _rejected(
        "text after a closing quote",
        "upsert_user │ 3 │ 2 │ 0 │ 1 │ 0 │ 0 │ 0\n"
        "upsert_user: 1 rejected: malformed_row, such as row 3: line 4: there is text after a closing "
        "quote\n"
        "They cannot be taken apart: an export tells which lines of the source to mend.\n"
        "bulk export trial.ledger -o failed.csv --status failed,rejected "
        "--with-source",
        f'{PEOPLE}marker.c@example.com,"Marker" C\n',
    ),
    _rejected(
        "wrong encoding",
        "upsert_user │ 3 │ 2 │ 0 │ 1 │ 0 │ 0 │ 0\n"
        "upsert_user: 1 rejected: malformed_row, such as row 3: line 4: there are bytes that the "
        "encoding does not know\n"
        "They cannot be taken apart: an export tells which lines of the source to mend.\n"
        "bulk export trial.ledger -o failed.csv --status failed,rejected "
        "--with-source",
        f"{PEOPLE}marker.c@example.com,Märker\n".encode("cp1252"),
    ),
    _rejected(
        "no e-mail address",
        "upsert_user │ 3 │ 2 │ 0 │ 1 │ 0 │ 0 │ 0\n"
        'upsert_user: 1 rejected: bad_value, such as row 3: field "email": is not an e-mail address\n'
        "Mend them in an export with the columns of the source, and feed that back.\n"
        "bulk export trial.ledger -o failed.csv --status failed,rejected "
        "--with-source",
        f"{PEOPLE}marker at example,Marker\n",
    ),
    _rejected(
        "no value where one is needed",
        "upsert_user │ 3 │ 2 │ 0 │ 1 │ 0 │ 0 │ 0\n"
        "upsert_user: 1 rejected: missing_field, such as row 3: no email\n"
        "Mend them in an export with the columns of the source, and feed that back.\n"
        "bulk export trial.ledger -o failed.csv --status failed,rejected "
        "--with-source",
        f"{PEOPLE},Marker\n",
    ),
)
DATABASES = (
    Case(
        "database that is not there",
        f"{AT_DATABASE}there is no such SQLite file; check source.database.uri (sqlite:////… is absolute)",
        job=source_of(QUERY % "select 1 as Email, 2 as Name"),
    ),
    Case(
        "database of another kind",
        f"{AT_DATABASE}the database address must begin with sqlite:/// or postgresql://",
        job=source_of("database: {uri: 'mysql://marker:marker@db/crm', query: select 1}"),
    ),
    Case(
        "PostgreSQL that does not answer",
        "bulk: …PostgreSQL…",
        job=source_of("database: {uri: 'postgresql://marker:marker@127.0.0.1:1/crm', query: select 1}"),
    ),
    Case(
        "query with a mistake",
        f"{AT_DATABASE}the database refused the query: …selekt…",
        job=source_of(QUERY % "selekt Email from people"),
        files={"crm.db": _database()},
    ),
    Case(
        "query of an unknown table",
        f"{AT_DATABASE}the database refused the query: …persons",
        job=source_of(QUERY % "select Email from persons"),
        files={"crm.db": _database()},
    ),
    Case(
        "query that is no SELECT",
        f"{AT_DATABASE}the database refused the query: …readonly…",
        job=source_of(QUERY % "delete from people"),
        files={"crm.db": _database()},
    ),
    Case(
        "file that is no database",
        f"{AT_DATABASE}the database refused the query: …not a database",
        job=source_of(QUERY % "select Email from people"),
        files={"crm.db": PEOPLE * 100},
    ),
)
CASES = (*TEXT, *ROWS, *DATABASES)
