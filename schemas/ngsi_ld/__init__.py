"""NGSI-LD (ETSI GS CIM 009 v1.9.1) as data: entities, @context, queries, representations. No I/O."""
