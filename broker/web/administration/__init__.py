"""Platforms and flows as JSON and CSV, on FastAPI; nothing of NGSI-LD."""
