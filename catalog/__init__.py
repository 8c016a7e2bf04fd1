"""The federated catalogue: harvest, search, DCAT and CKAN faces. No SQL and no web framework live here."""
