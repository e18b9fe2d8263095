"""PostgreSQL and Valkey from installed packages: started, watched, recovered and stopped by us, for one user only.

Nothing in this package imports Django: it runs before Django is configured. `docs/operations.md` is its manual.
"""
