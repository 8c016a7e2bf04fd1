"""From bytes to records: encodings, CSV, JSON. Pure; nothing here knows NGSI-LD or does I/O."""
