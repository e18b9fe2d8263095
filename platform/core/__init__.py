"""The ground every app stands on: users, API keys, audit trail, jobs, errors, embedded servers. Imports no app."""
