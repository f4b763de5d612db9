"""Comparing runs: the table of the workbench, and what it is asked beside the curves."""
