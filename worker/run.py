"""Inside the run process: builds what a recipe gets, runs it, and writes down how it ended.

Exit codes: 0 the recipe returned, 1 it failed (`outcome.json` says how), else what it gave to `sys.exit`.
"""

import faulthandler
import signal
import sys
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from app.runs.words import Reason
from danlu import running
from danlu.recipe import Recipe, RunContext, load_recipes
from danlu.statusfile import StatusFile
from worker import interpreters, outside, script, together
from worker.confession import (
    BadParamsError,
    DeviceMissingError,
    Stop,
    classify,
    print_traceback,
    write_outcome,
)
from worker.leaving import leave
from worker.spec import OUTCOME_FILE, RECIPE_MODULES, LaunchSpec
from worker.stdio import open_output
from worker.torchsetup import prepare_torch


def main(spec: LaunchSpec) -> int:
    """Run the attempt in this process and return its exit code."""
    if spec.snapshot_dir is not None:
        return script.main(spec)
    open_output()
    faulthandler.enable()  # a segfault leaves its Python stack in the log
    stop = Stop()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.ask())
    status = StatusFile(spec.run_dir)
    (spec.run_dir / OUTCOME_FILE).unlink(missing_ok=True)
    outside.record(str(spec.run_dir), {**interpreters.known(spec), "start": "warm"})
    try:
        code = _run(spec, status, stop)
    finally:
        status.flush()
    leave()
    return code


def _run(spec: LaunchSpec, status: StatusFile, stop: Stop) -> int:
    context = RunContext(
        id=spec.run_id,
        dir=spec.run_dir,
        device=spec.device,
        seed=spec.seed,
        attempt=spec.attempt,
        report=status.update,
        stop=stop.look,
    )
    try:
        try:
            recipe = _find(spec)
            params = _validated(recipe, spec.params)
            if spec.processes > 1:
                together.train(spec, recipe, params, status.update, stop)
            else:
                prepare_torch(spec)
                status.update({"phase": "training"})
                running.enter(context)
                recipe.func(params, context)
        finally:
            context.close()
    except SystemExit as leaving:
        if leaving.code is None or leaving.code == 0:
            write_outcome(spec, Reason.COMPLETED, None, stop)
            return 0
        if isinstance(leaving.code, int):
            return leaving.code & 0xFF or 1
        print(leaving.code, file=sys.stderr)  # noqa: T201 - what Python does with sys.exit("text")
        return 1
    except BaseException as error:  # noqa: BLE001 - a recipe may raise anything at all
        if isinstance(error, DeviceMissingError | BadParamsError | together.RankFailed):
            print(f"danlu: {error}", file=sys.stderr)  # noqa: T201 - the run's own log
        else:
            print_traceback(error, __file__)
        if not isinstance(error, together.RankFailed) or not error.told:
            write_outcome(spec, *classify(error, spec.run_dir), stop)
        return 1
    write_outcome(spec, Reason.COMPLETED, None, stop)
    return 0


def _find(spec: LaunchSpec) -> Recipe:
    folder = spec.recipes_dir if spec.recipes_dir.is_dir() else None
    if folder is not None:
        sys.path.append(str(folder))  # for helpers that lie beside the recipes
    recipes, errors = load_recipes(folder, RECIPE_MODULES)
    if spec.recipe in recipes:
        return recipes[spec.recipe]
    trouble = "".join(f"; {where}: {text}" for where, text in errors.items())
    raise BadParamsError(
        f"this worker has no recipe named {spec.recipe!r}; it has {', '.join(recipes)}{trouble}"
    )


def _validated(recipe: Recipe, params: Mapping[str, Any]) -> Any:
    try:
        return recipe.validate(params)
    except ValidationError as error:
        lines = (f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise BadParamsError("; ".join(lines)) from error
