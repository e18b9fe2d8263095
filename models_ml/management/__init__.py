"""Management of models: commands only."""
