"""Danlu's server: pages, REST, live stream, managed TensorBoards."""

from importlib.metadata import version

__version__ = version("danlu")
