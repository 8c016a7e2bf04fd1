"""How the catalogue looks from outside: JSON, DCAT, CKAN, CADDE, schema.org. Pure functions of datasets; no HTTP."""
