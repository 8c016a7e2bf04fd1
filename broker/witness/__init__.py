"""The process of a witness: it watches a gateway from outside over HTTP, and shares nothing with it."""
