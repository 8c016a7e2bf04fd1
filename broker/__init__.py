"""The running service: HTTP in and out, federation, registry, identity, metering, KPI and the store beneath them."""
