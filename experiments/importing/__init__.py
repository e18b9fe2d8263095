"""Past experiments from files: reading (pure), row rules, moments, storing. For users: docs/importing.md."""
