"""Who is asking, and the secrets that we hold for others. No HTTP, no SQL."""
