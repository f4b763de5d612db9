"""What a run is made of: a recipe with params, or a script with its command line; asked for anew, again, or with changes."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.auth.deps import Principal, require_code
from app.config import Settings
from app.db import WriteSession
from app.errors import Invalid
from app.models import Run
from app.runs import queries, scripts
from app.runs.definition import complete
from app.runs.schemas import Git, RunClone, RunCreate
from danlu.gitfacts import cut_diff, without_credentials

Json = dict[str, Any]
_SCRIPTS_ONLY = ("snapshot", "entrypoint", "args", "environment", "git")


@dataclass(frozen=True, slots=True)
class Definition:
    """The part of a run that says what is executed; everything in it has been checked."""

    name: str
    params: Json
    recipe: str | None = None
    snapshot_id: str | None = None
    entrypoint: str | None = None
    args: list[str] = field(default_factory=list)
    environment: str = "worker"
    git: Json | None = None
    git_diff: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What a request names, looked up and checked once, for one run of it or for many."""

    names: frozenset[str]
    """The params that it takes by its own account."""
    with_params: Callable[[Json], Definition]
    """Checks params. Raises Invalid."""


def define(
    session: WriteSession, settings: Settings, body: RunCreate, principal: Principal, now: datetime
) -> Definition:
    """Check what a request wants to have executed.

    Raises:
        Invalid: not exactly one of recipe and snapshot, an unknown one, or wrong params.
        Forbidden: a script, without the submit-code right.
    """
    return target(session, settings, body, principal, now).with_params(body.params)


def target(
    session: WriteSession, settings: Settings, body: RunCreate, principal: Principal, now: datetime
) -> Target:
    """What a request wants to have executed, whatever its params.

    Raises:
        Invalid: not exactly one of recipe and snapshot, or an unknown one.
        Forbidden: a script, without the submit-code right.
    """
    if (body.recipe is None) == (body.snapshot is None):
        what = "neither" if body.recipe is None else "both"
        raise Invalid(
            f"A run is of a recipe or of a snapshot; the request names {what}.",
            fields=dict.fromkeys(("recipe", "snapshot"), "give exactly one of recipe and snapshot"),
        )
    if body.recipe is not None:
        _refuse_script_fields(body)
        name, schema = body.recipe, _schema(session, body.recipe)
        names = frozenset(schema.get("properties", {}))
        return Target(names, lambda params: Definition(name, complete(params, schema), name))
    require_code(principal)
    scripts.check_environment(session, body.environment)
    script = scripts.find(session, settings, body, now)
    git, diff = _git(body.git), None if body.git is None else cut_diff(body.git.diff)

    def with_params(params: Json) -> Definition:
        args, known = script.settled(params, body.args)
        return Definition(
            name=script.name,
            params=known,
            snapshot_id=script.snapshot_id,
            entrypoint=script.entrypoint,
            args=args,
            environment=body.environment,
            git=git,
            git_diff=diff,
        )

    return Target(frozenset(option.name for option in script.form.options), with_params)


def as_body(session: WriteSession, settings: Settings, run: Run, experiment: str) -> RunCreate:
    """The request that makes the same run again, with this one as its parent.

    Args:
        experiment: slug.

    Raises:
        Invalid: its snapshot is gone; or it was imported, and nobody knows what was executed.
    """
    if run.recipe is None and run.snapshot_id is None:
        raise Invalid(f"Run {run.id} was imported: what it executed is not known here.")
    body = RunCreate.model_construct(
        experiment=experiment, recipe=run.recipe, params=run.params, name=run.name, device=run.device,
        processes=run.processes, seed=run.seed, priority=run.priority, tags=run.tags, notes=run.notes,
        max_retries=run.max_retries, timeout_s=run.timeout_s, env=run.env, parent=run.id,
    )  # fmt: skip
    if run.recipe is not None:
        return body
    params, args = scripts.asked(scripts.form_of_run(session, settings, run), run)
    script = {
        "snapshot": run.snapshot_id,
        "entrypoint": run.entrypoint,
        "args": args,
        "params": params,
        "environment": run.environment,
        "git": None if run.git is None else Git.model_construct(**run.git, diff=run.git_diff or ""),
    }
    return body.model_copy(update=script)


def changed(
    session: WriteSession, settings: Settings, run: Run, experiment: str, changes: RunClone
) -> RunCreate:
    """The request that makes a run like this one, with changes; `params` are merged into its own, key by key.

    Of a script the command line is made anew: arguments that its form does not know stay as they are.

    Raises:
        Invalid: something that only scripts have, of a recipe.
    """
    body = as_body(session, settings, run, experiment)
    given = {name: getattr(changes, name) for name in changes.model_fields_set}
    plain = {
        name: value for name, value in given.items() if value is not None and name not in {"params", "args"}
    }
    if run.recipe is not None:
        wrong = {name for name in _SCRIPTS_ONLY if given.get(name)}
        if wrong:
            raise Invalid(
                f"{', '.join(sorted(wrong))}: for scripts only, and run {run.id} is of a recipe.",
                fields=dict.fromkeys(sorted(wrong), "is for scripts; this run is of a recipe"),
            )
        return body.model_copy(update=plain | {"params": body.params | changes.params})
    if "snapshot" in plain:
        plain.setdefault("git", None)  # what is known is of the other code
    params, args = scripts.asked(
        scripts.form_of_run(session, settings, run), run, changes.params, changes.args
    )
    return body.model_copy(update=plain | {"params": params, "args": args})


def _refuse_script_fields(body: RunCreate) -> None:
    given = {name for name in _SCRIPTS_ONLY if getattr(body, name)} - {"environment"}
    if body.environment != "worker":
        given.add("environment")
    if given:
        raise Invalid(
            f"{', '.join(sorted(given))}: for scripts only, and the request names a recipe.",
            fields=dict.fromkeys(sorted(given), "is for scripts; the request names a recipe"),
        )


def _git(git: Git | None) -> Json | None:
    if git is None:
        return None
    remote = without_credentials(git.remote) if git.remote else None
    return git.model_dump(exclude={"diff"}) | {"remote": remote}


def _schema(session: WriteSession, name: str) -> Json:
    """The JSON Schema of a recipe's params.

    Raises:
        Invalid: there is no such recipe (with the names that come close), or its file could not be loaded.
    """
    found = queries.recipe_named(session, name)
    if found is not None and found.error is None:
        return found.schema
    if found is not None:
        raise Invalid(
            f"The recipe {name!r} could not be loaded.",
            fields={"recipe": f"cannot be loaded: {found.error}"},
        )
    known = queries.recipe_names(session)
    remedy = unknown_recipe(name, known)
    raise Invalid(f"There is no recipe {name!r}: {remedy}.", fields={"recipe": f"is unknown; {remedy}"})


def unknown_recipe(name: str, known: list[str]) -> str:
    """What to do about a recipe's name that is not among the known ones."""
    if not known:
        return "no worker has published recipes yet; start one with `danlu worker`"
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(known[:20])}"
