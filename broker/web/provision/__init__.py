"""Writing entities of the local store: one by one, attribute by attribute, in batches; reading is next door."""
