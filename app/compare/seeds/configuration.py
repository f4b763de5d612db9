"""When two runs are the same configuration: equal in all but the seed. Pure functions; static/js/wb_configuration.js agrees."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

SEEDS = frozenset({"seed", "random_seed", "rng_seed", "manual_seed", "global_seed"})
"""Params that are a seed by their name."""
SHOWN = 40
"""Characters of a value that stand in a label."""


class Defined(NamedTuple):
    """What of a run says what was executed."""

    id: int
    name: str
    recipe: str | None
    snapshot: str | None
    entrypoint: str | None
    args: Sequence[str]
    params: Mapping[str, Any]
    seed: int


def is_seed(key: str) -> bool:
    """Whether a param is a seed by its name; `trainer.seed` and `random-seed` are, too."""
    return key.rpartition(".")[2].lower().replace("-", "_") in SEEDS


def seed_param(params: Mapping[str, Any]) -> str | None:
    """The param that is the seed, or None: then the run's own seed counts."""
    return next((key for key in params if is_seed(key)), None)


def seed_of(run: Defined) -> Any:
    """The seed that a run trained with; None where nobody knows (an imported run that does not say)."""
    key = seed_param(run.params)
    if key is not None:
        return run.params[key]
    for words in (run.args, (run.entrypoint or "").split(" ")):
        said = _said(words)
        if said is not None:
            return said
    return run.seed if run.recipe or run.snapshot else None


def key_of(run: Defined) -> str:
    """The same text for two runs that differ in nothing but the seed. A run of which nothing is known stands alone."""
    if not (run.recipe or run.snapshot or run.params):
        return f"run-{run.id}"
    params = {key: _plain(value) for key, value in run.params.items() if not is_seed(key)}
    parts = [run.recipe, run.snapshot, command_of(run), seedless(run.args), params]
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def command_of(run: Defined) -> str | None:
    """What is executed; a command line for the shell without its seed."""
    return run.entrypoint and " ".join(seedless(run.entrypoint.split(" ")))


def seedless(args: Sequence[str]) -> list[str]:
    """A command line without its seed.

    >>> seedless(["--seed", "3", "--lr=0.1", "--random-seed=4", "seed=5"])
    ['--lr=0.1']
    """
    left: list[str] = []
    words = iter(args)
    for word in words:
        name, equals, _ = word.partition("=")
        if not is_seed(name.lstrip("-+")) or not (equals or name.startswith("-")):
            left.append(word)
        elif not equals:
            next(words, None)  # its value
    return left


def _said(args: Sequence[str]) -> str | None:
    """The seed of a command line; None where it has none."""
    for place, word in enumerate(args):
        name, equals, value = word.partition("=")
        if is_seed(name.lstrip("-+")) and (equals or word.startswith("-")):
            return value if equals else next(iter(args[place + 1 :]), None)
    return None


def labels(runs: Sequence[Defined]) -> list[str]:
    """What tells configurations from each other, `lr 0.1 · width 64`; what they execute where nothing does.

    Params count among runs of the same code only: what another recipe has beside is no difference of these.
    """
    code = [run.recipe or command_of(run) or run.name for run in runs]
    kin: dict[str, list[Defined]] = {}
    for run, what in zip(runs, code, strict=True):
        kin.setdefault(what, []).append(run)
    keys = {what: _differing(some) for what, some in kin.items()}
    words = {
        what for what, some in kin.items() if not keys[what] and _differs(seedless(run.args) for run in some)
    }
    snapshots = {what for what, some in kin.items() if len({run.snapshot for run in some}) > 1}
    found = []
    for run, what in zip(runs, code, strict=True):
        parts = [f"{key} {_shown(run.params[key])}" for key in keys[what] if key in run.params]
        if len(kin) > 1 or not parts:
            parts.insert(0, what)
        if what in words and run.args:
            parts.append(" ".join(seedless(run.args)))
        if what in snapshots and run.snapshot:
            parts.append(f"code {run.snapshot[:7]}")
        found.append(" · ".join(parts))
    return found


def _differing(runs: Sequence[Defined]) -> list[str]:
    return [key for key in _keys(runs) if _differs(run.params.get(key) for run in runs)]


def _keys(runs: Sequence[Defined]) -> list[str]:
    return [key for key in dict.fromkeys(key for run in runs for key in run.params) if not is_seed(key)]


def _differs(values: Iterable[Any]) -> bool:
    return len({json.dumps(_plain(value), sort_keys=True) for value in values}) > 1


def _plain(value: Any) -> Any:
    """The value with whole numbers as such: 1.0 is 1, as in JSON and so in a browser."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
