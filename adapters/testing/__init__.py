"""The contract suite, shipped: an adapter proves itself with it. No dialect is spoken here; pytest only in `suite`."""
