"""The local store behind the same contract as every platform. The composition root lends it to the registry; the SQL
itself is in `broker.store`."""
