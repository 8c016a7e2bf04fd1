"""A private PostgreSQL for a first run: found, initialised, started, guarded and stopped. No SQL and no schema here."""
