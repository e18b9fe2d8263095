"""Tests of the pure models code."""
