"""Tests of the generator of training text."""
