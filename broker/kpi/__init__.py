"""The programme's figures from the flows: `compute` and `show`. The SQL is in broker/store/kpi.py."""
