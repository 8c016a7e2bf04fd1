"""Stand-ins for area platforms and the demo that runs them; no part of the gateway's own path uses anything here."""
