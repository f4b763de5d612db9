"""The params of a run, for code that reads them by name."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

VARIABLE = "DANLU_PARAMS"
"""Where a run finds them, as a JSON object."""


class RunParams(Mapping[str, Any]):
    """Params by item, by attribute, and with a default: `params["lr"]`, `params.lr`, `params.get("lr", 0.1)`.

    They cannot be changed. One that is named like a method of mappings (`items`) is reached by item alone.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        object.__setattr__(self, "_values", dict(values or {}))

    @classmethod
    def of_environment(cls) -> RunParams:
        """Those in the environment; none outside of a run.

        Raises:
            ValueError: the variable holds no JSON object.
        """
        text = os.environ.get(VARIABLE) or "{}"
        try:
            values = json.loads(text)
        except ValueError as error:
            raise ValueError(f"{VARIABLE} holds no JSON: {error}") from error
        if not isinstance(values, dict):
            raise ValueError(f"{VARIABLE} must hold a JSON object, not {text[:40]!r}")  # noqa: TRY004 - its text is wrong
        return cls(values)

    def __getitem__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            raise KeyError(self._missing(name)) from None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # pickle and copy ask for what is not there
            raise AttributeError(name)
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(self._missing(name)) from None

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"the params of a run cannot be changed: {name}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._values})

    def __repr__(self) -> str:
        return f"RunParams({self._values!r})"

    def __reduce__(self) -> tuple[type[RunParams], tuple[dict[str, Any]]]:
        return RunParams, (dict(self._values),)

    def _missing(self, name: str) -> str:
        return f"the run has no param {name!r} (it has {', '.join(self._values) or 'none'}); get({name!r}, default) takes a default"
