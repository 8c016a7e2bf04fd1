"""The catalogue over HTTP: search, pages, sources, the faces of CKAN and CADDE, downloads. No SQL lives here."""
