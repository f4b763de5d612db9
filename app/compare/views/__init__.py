"""Saved views: what a workbench's address carries, under a name."""
