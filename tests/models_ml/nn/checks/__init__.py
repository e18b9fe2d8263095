"""Tests of the checks of a model version."""
