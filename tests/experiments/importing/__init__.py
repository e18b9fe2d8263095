"""Tests of experiments.importing."""
