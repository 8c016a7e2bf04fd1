"""Words to find datasets by: folding, bigrams, synonyms, and questions taken apart. Pure; no SQL lives here."""
