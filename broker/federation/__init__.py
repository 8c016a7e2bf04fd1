"""One question to many sources, one answer back: plan, execute, merge, residual, page. No HTTP, SQL or metering."""
