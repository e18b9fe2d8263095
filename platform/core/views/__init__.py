"""Pages of the ground: health, jobs, API keys, language, errors."""
