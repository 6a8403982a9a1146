"""A process that does the work of nodes: `feria worker`."""
