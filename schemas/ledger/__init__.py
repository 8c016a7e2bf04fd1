"""The ledger as data: entries, Merkle tree, signed notes, and what an auditor checks of them. No I/O, no database."""
