"""The catalogue's harvest as a process: leases, pacing, live datasets. No SQL and no dialect lives here."""
