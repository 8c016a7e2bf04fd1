"""What was delivered, written down before it leaves: `record` makes the flows of a request, `settle` commits them.

No SQL (that is broker/store) and no HTTP (that is broker/web).
"""
