"""Writes on the ground: API keys and jobs."""
