"""Pages of the model factory: datasets, training runs, the registry with its gate."""
