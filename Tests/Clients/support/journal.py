"""The acquirer's journal: what became of the money, by the one who moved it."""

import sqlite3
from pathlib import Path


class AcquirerJournal:
    """Reads the SQLite file of `sunny acquirer`, whose schema is documented with its source.

    Every payment of these tests has an amount that no other has, so the amount finds it.
    """

    def __init__(self, path: Path):
        self.path = path

    def query(self, statement: str, *values: object) -> list[sqlite3.Row]:
        connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=10)
        connection.row_factory = sqlite3.Row
        try:
            return connection.execute(statement, values).fetchall()
        finally:
            connection.close()

    def change(self, statement: str, *values: object) -> None:
        """Falsifies the journal."""
        connection = sqlite3.connect(self.path, timeout=10)
        try:
            with connection:
                changed = connection.execute(statement, values).rowcount
            assert changed > 0, "nothing was there to be changed"
        finally:
            connection.close()

    def movements(self, amount: int) -> list[sqlite3.Row]:
        """The authorizations and sales of an amount, in the order of their arrival."""
        return self.query(
            "SELECT * FROM transactions WHERE amount = ? AND kind <> 'refund' ORDER BY id", amount
        )

    def movement(self, amount: int) -> sqlite3.Row:
        """The only authorization or sale of an amount."""
        found = self.movements(amount)
        assert len(found) == 1, f"{len(found)} movements of {amount}: {[dict(r) for r in found]}"
        return found[0]

    def refunds(self, original_id: int) -> list[sqlite3.Row]:
        return self.query(
            "SELECT * FROM transactions WHERE kind = 'refund' AND original_id = ? ORDER BY id",
            original_id,
        )

    def advices(self, rrn: str, kind: str) -> list[sqlite3.Row]:
        """The advices about a movement: `capture`, `refund` or `reversal`."""
        return self.query(
            "SELECT * FROM advices WHERE rrn = ? AND kind = ? ORDER BY id", rrn, kind
        )

    def messages(self, rrn: str, direction: str | None = None) -> list[str]:
        """The message types of a movement and of what followed it, in order."""
        rows = self.query("SELECT * FROM messages WHERE rrn = ? ORDER BY sequence", rrn)
        return [row["mti"] for row in rows if direction in (None, row["direction"])]
