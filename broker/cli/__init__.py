"""The command line: words, tables and exit statuses around what the house can do. No rule of the gateway lives here."""
