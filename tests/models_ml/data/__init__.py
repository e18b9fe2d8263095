"""Tests of the data side of the models."""
