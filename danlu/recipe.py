"""Recipes: training functions with typed parameters, and the context that a run hands them.

>>> class HelloParams(danlu.Params):
...     steps: int = Field(10, ge=1, le=1000, description="How many steps to take.")
>>> @danlu.recipe(params=HelloParams, summary="Says hello.")
... def hello(params: HelloParams, run: danlu.RunContext) -> None:
...     for step in range(params.steps):
...         run.board.scalar("hello", step, step)

Nothing here imports torch: a supervisor publishes the parameters' schemas without it.
"""

import importlib
import importlib.util
import inspect
import json
import re
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from danlu.context import RunContext

__all__ = [
    "REGISTRY",
    "CheckpointUnreadable",
    "NonFiniteLoss",
    "Params",
    "Recipe",
    "RecipeError",
    "RunContext",
    "load_recipes",
    "recipe",
]

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_USER_PACKAGE = "danlu_user_recipes"


class RecipeError(TypeError):
    """A recipe that cannot be registered; the message names the recipe and what is wrong with it."""


class NonFiniteLoss(RuntimeError):
    """The loss became NaN or infinite; raised before the optimizer step that would have spread it.

    Attributes:
        step: the global step (0-based) whose loss is meant.
        value: the loss.
    """

    def __init__(self, step: int, value: float) -> None:
        super().__init__(f"the loss is {value} at step {step}; a lower learning rate may help")
        self.step = step
        self.value = value


class CheckpointUnreadable(RuntimeError):
    """The checkpoint that a run should go on from cannot be read; starting silently from zero would be worse."""


class Params(BaseModel):
    """Base of a recipe's parameters: unknown names and NaN or infinite numbers are refused.

    Values are JSON's own types: ``"12"`` is no number and ``true`` is no integer.
    """

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, validate_default=True
    )


@dataclass(frozen=True)
class Recipe:
    """A registered recipe: what is published (name, summary, schema) and what is run."""

    name: str
    summary: str
    params_model: type[Params]
    func: Callable[[Any, "RunContext"], None]
    source: str
    """The file that defines it."""

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the parameters."""
        return self.params_model.model_json_schema()

    def validate(self, params: Mapping[str, Any]) -> Params:
        """Check parameters as they come from JSON and fill in the defaults.

        Raises:
            pydantic.ValidationError: naming every wrong field.
        """
        return self.params_model.model_validate_json(json.dumps(dict(params)))


REGISTRY: dict[str, Recipe] = {}
"""Every recipe registered in this process, by name."""

_P = TypeVar("_P", bound=Params)


def recipe(
    *, params: type[_P], summary: str = "", name: str | None = None
) -> Callable[[Callable[[_P, "RunContext"], None]], Callable[[_P, "RunContext"], None]]:
    """Register the decorated function as a recipe.

    Args:
        params: the model of its parameters, a subclass of :class:`Params` whose fields all say what they are.
        summary: one sentence for the list of recipes; default: the first line of the function's docstring.
        name: default: the function's name.

    Raises:
        RecipeError: ``params`` is no Params model, the name is malformed or taken by another recipe, or the
            function does not take ``(params, run)``.
    """

    def register(func: Callable[[_P, "RunContext"], None]) -> Callable[[_P, "RunContext"], None]:
        recipe_name = name or func.__name__
        _check(recipe_name, params, func)
        source = inspect.getsourcefile(func) or func.__module__
        REGISTRY[recipe_name] = Recipe(
            name=recipe_name,
            summary=summary or (inspect.getdoc(func) or "").partition("\n")[0],
            params_model=params,
            func=func,
            source=source,
        )
        return func

    return register


def _check(name: str, params: object, func: Callable[..., None]) -> None:
    """Refuse what could not run or would hide another recipe."""
    if not _NAME.fullmatch(name):
        raise RecipeError(f"recipe {name!r}: a name is lower-case letters, digits, '_' and '-', 64 at most")
    if not (isinstance(params, type) and issubclass(params, Params)):
        raise RecipeError(f"recipe {name!r}: params must be a subclass of danlu.Params, not {params!r}")
    if len(inspect.signature(func).parameters) != 2:
        raise RecipeError(f"recipe {name!r}: the function must take exactly (params, run)")
    if name in REGISTRY:
        raise RecipeError(f"recipe {name!r} is already defined in {REGISTRY[name].source}")


def load_recipes(
    folder: Path | None, modules: Sequence[str] = ()
) -> tuple[dict[str, Recipe], dict[str, str]]:
    """Import the recipes of ``modules`` and then of every ``*.py`` in ``folder`` (names with "_" are helpers).

    A file that fails leaves the others alone and registers nothing; files are loaded anew on every call.

    Returns:
        the recipes by name, and an error text by file (or module) that could not be loaded.
    """
    errors: dict[str, str] = {}
    for module in modules:
        try:
            importlib.import_module(module)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - one broken module must not take the others along
            errors[module] = _describe(error, module)
    if folder is None:
        return dict(REGISTRY), errors
    folder = folder.resolve()
    _forget({known.name for known in REGISTRY.values() if Path(known.source).is_relative_to(folder)})
    for path in sorted(folder.glob("[!_.]*.py")):
        before = set(REGISTRY)
        try:
            _execute(path)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a user's file may raise anything at all
            errors[str(path)] = _describe(error, str(path))
            _forget(set(REGISTRY) - before)
    return dict(REGISTRY), errors


def _forget(names: set[str]) -> None:
    """Take recipes out of the registry."""
    for name in names:
        del REGISTRY[name]


def _execute(path: Path) -> None:
    """Run a user's file as a module of its own name, so that pydantic can resolve its annotations."""
    name = f"{_USER_PACKAGE}.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


def _describe(error: BaseException, where: str) -> str:
    """One line that a user can act on: the kind of error, its text and the line of their file."""
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} (line {error.lineno})"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == where]
    at = f" (line {lines[-1]})" if lines else ""
    return f"{type(error).__name__}: {error}{at}"


class _CallableModule(ModuleType):
    """``danlu.recipe`` names this module and, for users, the decorator: importing the module sets it as an
    attribute of the package, so the module itself must be callable.
    """

    def __call__(self, **options: Any) -> Any:
        return recipe(**options)


sys.modules[__name__].__class__ = _CallableModule
