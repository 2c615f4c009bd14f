"""The ledger's tables.

A row's outcome in a step is, in this order: the newest entry whose range holds the row, if the row was to
be sent; what the plan told it (``told``); else it is pending. A range speaks only of rows that the plan did
not tell otherwise, so one entry covers a whole batch although rejected rows lie in between.
"""

APPLICATION_ID = 0x62756C6B
"""``bulk`` in ASCII, in the file's header."""
VERSION = 1
REMOVED = ":removed"
"""Ends the name of a step that removes who left the list; no name in a job holds a colon."""

TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE passes (
  pass INTEGER PRIMARY KEY,
  job TEXT NOT NULL, digest TEXT NOT NULL, fingerprint TEXT NOT NULL,
  source TEXT NOT NULL,          -- JSON: how to read the source again, without secrets
  rows INTEGER,                  -- null until the pre-pass has read the source to its end
  started_at REAL NOT NULL, read_at REAL
);
CREATE TABLE steps (
  pass INTEGER NOT NULL, step INTEGER NOT NULL,
  name TEXT NOT NULL, destination TEXT NOT NULL, operation TEXT NOT NULL,
  PRIMARY KEY (pass, step)
) WITHOUT ROWID;
CREATE TABLE runs (
  run INTEGER PRIMARY KEY, pass INTEGER NOT NULL,
  started_at REAL NOT NULL, ended_at REAL, exit_code INTEGER,
  facts TEXT NOT NULL            -- JSON: version, options, approval, overrides
);
CREATE TABLE keys (
  pass INTEGER NOT NULL, first_row INTEGER NOT NULL, last_row INTEGER NOT NULL,
  body BLOB NOT NULL,            -- checksum, Arrow IPC: __row__, __key__
  PRIMARY KEY (pass, first_row)
);
CREATE TABLE told (
  pass INTEGER NOT NULL, step INTEGER NOT NULL, first_row INTEGER NOT NULL,
  body BLOB NOT NULL             -- checksum, Arrow IPC: __row__, last, status, reason, message
);
CREATE INDEX told_by_step ON told (pass, step, first_row);
CREATE TABLE entries (
  seq INTEGER PRIMARY KEY,
  pass INTEGER NOT NULL, step INTEGER NOT NULL, run INTEGER NOT NULL,
  first_row INTEGER NOT NULL, last_row INTEGER NOT NULL,
  status TEXT NOT NULL, reason TEXT NOT NULL, http_status INTEGER,
  error_code TEXT NOT NULL, error_message TEXT NOT NULL,
  attempts INTEGER NOT NULL, request_id TEXT NOT NULL, object_id TEXT NOT NULL, verification TEXT NOT NULL,
  first_sent_at REAL, finished_at REAL NOT NULL
);
CREATE TABLE intents (             -- requests about to be sent that must not be repeated blindly
  seq INTEGER PRIMARY KEY,
  pass INTEGER NOT NULL, step INTEGER NOT NULL, run INTEGER NOT NULL,
  first_row INTEGER NOT NULL, last_row INTEGER NOT NULL, at REAL NOT NULL,
  withdrawn INTEGER NOT NULL       -- 1: the request was certainly not processed
);
CREATE TABLE memories (            -- what a conversation asked to remember about its rows
  pass INTEGER NOT NULL, step INTEGER NOT NULL, first_row INTEGER NOT NULL, last_row INTEGER NOT NULL,
  data TEXT NOT NULL,
  PRIMARY KEY (pass, step, first_row, last_row)
) WITHOUT ROWID;
"""

LATER_TABLES = """
CREATE TABLE IF NOT EXISTS contents (   -- what a pass may send, until the pass after it begins
  pass INTEGER NOT NULL, step INTEGER NOT NULL, scope TEXT NOT NULL,
  body BLOB NOT NULL             -- checksum, Arrow IPC: __row__, identity, content
);
CREATE INDEX IF NOT EXISTS contents_by_step ON contents (pass, step);
CREATE TABLE IF NOT EXISTS delivered (  -- what is known to have arrived; the newest of an identity holds
  seq INTEGER PRIMARY KEY,
  scope TEXT NOT NULL,           -- which step at which place
  rows INTEGER NOT NULL,
  body BLOB NOT NULL             -- checksum, Arrow IPC: steps between ascending identities, content, at
);
CREATE INDEX IF NOT EXISTS delivered_by_scope ON delivered (scope, seq);
CREATE TABLE IF NOT EXISTS subjects (   -- who was to be erased: keyed hashes of everything given or found
  seq INTEGER PRIMARY KEY,
  pass INTEGER NOT NULL, step INTEGER NOT NULL,
  body BLOB NOT NULL             -- checksum, Arrow IPC: __row__, kind, hash, found
);
CREATE INDEX IF NOT EXISTS subjects_by_step ON subjects (pass, step);
CREATE TABLE IF NOT EXISTS requests (   -- what is noted of the requests for erasure
  seq INTEGER PRIMARY KEY,
  pass INTEGER NOT NULL, step INTEGER NOT NULL,
  body BLOB NOT NULL             -- checksum, Arrow IPC: __row__, reference, received_at, due_at
);
CREATE INDEX IF NOT EXISTS requests_by_step ON requests (pass, step);
CREATE TABLE IF NOT EXISTS found (      -- who was found at the destination, until they are seen to be gone
  seq INTEGER PRIMARY KEY,
  pass INTEGER NOT NULL, step INTEGER NOT NULL, row INTEGER NOT NULL,
  body BLOB NOT NULL             -- sealed with the ledger's secret: JSON list of kind and value
);
CREATE INDEX IF NOT EXISTS found_by_row ON found (pass, step, row);
CREATE TABLE IF NOT EXISTS jobs (       -- how people can be read back without the job file
  pass INTEGER PRIMARY KEY,
  facts TEXT NOT NULL,           -- JSON: destinations, erasing steps and their options, holds
  body BLOB NOT NULL             -- sealed with the ledger's secret: JSON of the job, without credentials
);
CREATE TABLE IF NOT EXISTS purges (     -- what was purged, when and why
  seq INTEGER PRIMARY KEY, at REAL NOT NULL, facts TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS chain (      -- a link for every commit, if erasures are recorded here
  seq INTEGER PRIMARY KEY,
  items BLOB NOT NULL,           -- JSON: table, primary key and commitment of every row that was written
  head BLOB NOT NULL             -- SHA-256 of the link before, the number and the items
);
CREATE TABLE IF NOT EXISTS salts (      -- of the commitments; deleted with what they were for
  place TEXT NOT NULL, key TEXT NOT NULL, salt BLOB NOT NULL,
  PRIMARY KEY (place, key)
) WITHOUT ROWID;
"""
"""Tables that ledgers of the first version have not; a run adds them, and whoever reads does without."""
