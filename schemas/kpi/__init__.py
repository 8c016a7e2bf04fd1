"""KPI(定量): projects, definitions, periods, evaluation. Pure data and pure functions; no figures are stored here."""
