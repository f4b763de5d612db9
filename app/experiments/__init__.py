"""Experiments: named groups of runs, each with one TensorBoard."""
