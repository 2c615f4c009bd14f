"""Finds, by keyed hashes, the people of a ledger among source rows and among a destination's contacts."""
