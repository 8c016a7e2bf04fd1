"""Remote @contexts: fetched through the guard, kept, and built. What a name means is left to schemas.ngsi_ld."""
