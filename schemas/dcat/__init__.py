"""RDF as a tree of nodes and its three syntaxes: Turtle, RDF/XML and JSON-LD. What the nodes say is the catalogue's."""
