"""All that is not NGSI-LD, on FastAPI: the application, platforms, agreements, flows, ledger, projects and KPI."""
