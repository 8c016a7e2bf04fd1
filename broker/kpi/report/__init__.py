"""Reports as CSV, XLSX and PDF, made of the one JSON document; no figure is computed here."""
