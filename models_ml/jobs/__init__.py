"""The only files that know torch and tables: what a worker does with models. Imported inside task bodies only."""
