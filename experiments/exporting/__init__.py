"""A result as data: one tidy table, the whole analysis, or a notebook that begins where the page ends. Pure."""
