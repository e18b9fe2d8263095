"""Tests of experiments.simulation."""
