"""HTTP in and out, nothing else: parse, call the gateway, write the answer. No federation, no SQL, no upstream HTTP."""
