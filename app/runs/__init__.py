"""Runs: their words, states, queue, queries and routes."""
