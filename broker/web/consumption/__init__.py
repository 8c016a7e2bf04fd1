"""Reading entities, their types and attributes, by any of the consumption routes; nothing that writes."""
