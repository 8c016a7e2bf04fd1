"""The ledger at work: numbering and signing what was metered. No SQL (broker/store), no meaning (schemas/ledger)."""
