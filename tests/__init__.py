"""Tests of Copylift; the tree mirrors the code (`tests/core` and `tests/config` mirror `platform/`)."""
