"""Danlu's server: pages, REST, live stream, managed TensorBoards."""
