"""The generator of training text: briefs from a small made-up world, and copy that follows them, in two languages."""
