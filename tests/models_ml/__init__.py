"""Tests of models_ml."""
