"""Tests of the fact check."""
