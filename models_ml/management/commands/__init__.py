"""Commands of the model factory."""
