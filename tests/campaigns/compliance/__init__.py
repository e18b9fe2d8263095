"""Tests of the first checks."""
