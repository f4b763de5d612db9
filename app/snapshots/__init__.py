"""Snapshots: code that script runs execute; uploaded once, named by its content, read-only."""
