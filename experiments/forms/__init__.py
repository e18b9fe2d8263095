"""Forms of the experiments' pages."""
