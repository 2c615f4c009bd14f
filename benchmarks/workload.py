"""Made-up contacts, the same for the same seed, and the request bodies they become."""

from pathlib import Path

import numpy as np
import polars as pl

SEED = 20_251_121


def write_contacts(path: Path, rows: int) -> None:
    """Write a CSV file of ``rows`` contacts."""
    chance = np.random.default_rng(SEED)
    number = pl.int_range(1, rows + 1, eager=True)
    frame = pl.DataFrame(
        {
            "id": chance.integers(10_000_000, 99_999_999, rows),
            "number": number,
            "plan": chance.choice(["free", "starter", "pro", "enterprise"], rows),
            "country": chance.choice(["IT", "DE", "FR", "US", "GB", "ES"], rows),
            "signed_up": chance.integers(1_400_000_000, 1_750_000_000, rows),
        },
    )
    frame.select(
        pl.format("{}-{}", "number", "id").alias("id"),
        pl.format("contact{}@example.com", "number").alias("email"),
        pl.format("Contact Number {}", "number").alias("name"),
        "plan",
        "country",
        "signed_up",
    ).write_csv(path)


def bodies(contacts: Path, batch_size: int) -> list[bytes]:
    """Return the bodies that job.yaml makes of the contacts."""
    record = pl.struct("id", "email", "name", attributes=pl.struct("plan", "country", "signed_up"))
    encoded = (
        pl.read_csv(contacts, infer_schema=False)
        .select(record.struct.rename_fields(["user_id", "email", "name", "attributes"]).struct.json_encode())
        .to_series()
        .to_list()
    )
    batches = (encoded[start : start + batch_size] for start in range(0, len(encoded), batch_size))
    return [f'{{"users":[{",".join(batch)}]}}'.encode() for batch in batches]
