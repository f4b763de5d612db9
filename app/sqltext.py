"""Texts compared alike on SQLite and PostgreSQL."""

from typing import Any

from sqlalchemy import ColumnElement, collate, func, literal


def bytewise(column: Any, *, sqlite: bool) -> ColumnElement[Any]:
    """Text compared by its bytes on both databases, whatever the locale."""
    return column if sqlite else collate(column, "C")


def fold(column: Any, *, sqlite: bool) -> ColumnElement[Any]:
    """Lower case of the ASCII letters only: that is all SQLite can do, and PostgreSQL does so in the C locale."""
    return func.lower(bytewise(column, sqlite=sqlite))


def contains(column: Any, wanted: str, *, sqlite: bool) -> ColumnElement[bool]:
    """Whether a text holds another one literally (% and _ mean themselves), the case of ASCII letters apart."""
    place = func.instr if sqlite else func.strpos
    return place(fold(column, sqlite=sqlite), fold(literal(wanted), sqlite=sqlite)) > 0
