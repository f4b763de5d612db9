"""The JSON bodies of the calls on runs. Each limit is refused with the name of its field.

What is inside `params` is checked by `app.runs.definition`, which can name the very parameter.
"""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field, WithJsonSchema

from app.fields import MAX_ID, Body, Name, Prose, one_line, storable
from app.runs.placing import MAX_PROCESSES

MAX_TAGS = 32
MAX_TAG = 64
MAX_ENV = 64
MAX_ENV_BYTES = 16 * 1024
MAX_ARGS = 200
MAX_ARG = 8192
MAX_ARGS_BYTES = 64 * 1024
MAX_SEED = 2**32 - 1
MAX_TIMEOUT_S = 30 * 24 * 3600
"""Thirty days, in seconds."""

_DEVICE = re.compile(r"auto|cpu|cuda|cuda:(?:0|[1-9][0-9]{0,2})|mps")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def _named(name: str, text: str) -> None:
    try:
        storable(text)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None


def check_device(device: str) -> str:
    """A device as a user may ask for it.

    Raises:
        ValueError: with the list of forms.
    """
    if not _DEVICE.fullmatch(device):
        raise ValueError("must be auto, cpu, cuda, cuda:N (N from 0 to 999) or mps")
    return device


def _processes(processes: int) -> int:
    if not 1 <= processes <= MAX_PROCESSES:
        raise ValueError(f"must be from 1 to {MAX_PROCESSES}")
    return processes


def _tags(tags: list[str]) -> list[str]:
    """Tags without repetition, in the order given."""
    return list(dict.fromkeys(tags))


def _env(env: dict[str, str]) -> dict[str, str]:
    if len(env) > MAX_ENV:
        raise ValueError(f"has {len(env)} variables; at most {MAX_ENV}")
    for name, value in env.items():
        if not _ENV_NAME.fullmatch(name):
            raise ValueError(f"{name[:40]!r} is not a variable name (letters, digits and _)")
        if name.startswith("DANLU_") or name == "CUDA_VISIBLE_DEVICES":
            raise ValueError(f"{name} is set by the worker")
        _named(name, value)
    if sum(len(name) + len(value.encode()) for name, value in env.items()) > MAX_ENV_BYTES:
        raise ValueError(f"is larger than {MAX_ENV_BYTES} bytes")
    return env


def _args(args: list[str]) -> list[str]:
    if sum(len(arg.encode()) for arg in args) > MAX_ARGS_BYTES:
        raise ValueError(f"is larger than {MAX_ARGS_BYTES} bytes")
    return args


Device = Annotated[str, Field(max_length=20), AfterValidator(check_device)]
Processes = Annotated[
    int,
    AfterValidator(_processes),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_PROCESSES}),
]
Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]
Priority = Annotated[int, Field(ge=-100, le=100)]
Tag = Annotated[str, Field(min_length=1, max_length=MAX_TAG), AfterValidator(one_line)]
Tags = Annotated[list[Tag], Field(max_length=MAX_TAGS), AfterValidator(_tags)]
Env = Annotated[dict[str, str], AfterValidator(_env)]
MaxRetries = Annotated[int, Field(ge=0, le=20)]
TimeoutS = Annotated[float, Field(ge=1, le=MAX_TIMEOUT_S, allow_inf_nan=False)]
RunId = Annotated[int, Field(ge=1, le=MAX_ID)]
SnapshotId = Annotated[str, Field(min_length=64, max_length=64, pattern="^[0-9a-f]{64}$")]
Arg = Annotated[str, Field(max_length=MAX_ARG), AfterValidator(storable)]
Args = Annotated[list[Arg], Field(max_length=MAX_ARGS), AfterValidator(_args)]
Short = Annotated[str, Field(max_length=500), AfterValidator(one_line)]
Diff = Annotated[str, AfterValidator(storable)]


class Git(Body):
    """Where a snapshot's files come from."""

    commit: Short | None = None
    branch: Short | None = None
    remote: Short | None = Field(None, description="Passwords and tokens in it are not kept.")
    dirty: bool = Field(False, description="Whether something was not committed.")
    diff: Diff = Field("", description="What was not; at most 200 kB are kept.")


class RunCreate(Body):
    """POST /runs: what to run, with what, on what. Exactly one of `recipe` and `snapshot`."""

    experiment: Name = Field(description="Slug of the experiment; made when it does not exist.")
    recipe: Name | None = Field(None, description="Name of a recipe, see GET /recipes.")
    snapshot: SnapshotId | None = Field(
        None, description="Code to run, see POST /snapshots; needs the submit-code right."
    )
    entrypoint: Prose | None = Field(
        None,
        description="The script in the snapshot, default the likeliest; with the environment shell a command line.",
    )
    args: Args = Field(default_factory=list, description="Arguments of the script, as they are; at most 200.")
    environment: Short = Field(
        "worker",
        description="What executes a script: worker (warm), cold, uv, venv:NAME or shell (see docs/scripts.md).",
    )
    git: Git | None = Field(None, description="Of the folder that the snapshot was made of.")
    params: dict[str, Any] = Field(
        default_factory=dict,
        description="Hyper-parameters; those left out get the recipe's defaults. Of a script they become arguments.",
    )
    name: Name | None = Field(None, description="Default: the recipe's or the script's name.")
    device: Device = Field("auto", description="auto, cpu, cuda, cuda:N or mps.")
    processes: Processes = Field(
        1,
        description="1 to 64: how many train together (torch.distributed) on one machine; on CUDA each has its own GPU.",
    )
    seed: Seed | None = Field(None, description="0 to 2^32-1. Default: drawn at random and recorded.")
    priority: Priority = Field(0, description="-100 to 100; higher starts earlier.")
    tags: Tags = Field(default_factory=list, description="At most 32 labels of 64 characters.")
    notes: Prose = Field("", description="Free text.")
    max_retries: MaxRetries = Field(0, description="How often to run again after a failure of its own.")
    timeout_s: TimeoutS | None = Field(None, description="Seconds of training after which it is stopped.")
    parent: RunId | None = Field(None, description="Id of the run that this one came from.")
    after: RunId | None = Field(
        None,
        description="Id of the run after whose success it starts; should that one fail, this one is cancelled.",
    )
    env: Env = Field(default_factory=dict, description="Environment variables; needs the submit-code right.")


class RunPatch(Body):
    """PATCH /runs/{id}: only what is sent is changed."""

    name: Name | None = None
    tags: Tags | None = None
    notes: Prose | None = None
    priority: Priority | None = Field(None, description="Only while the run is queued.")
    colour: Annotated[int, Field(ge=0, le=9)] | None = Field(
        None, description="Index into the palette, 0 to 9; null: by the run's id."
    )


class RunClone(Body):
    """POST /runs/{id}/clone: a new run like this one, with what is sent changed.

    `params` is merged into the run's own, key by key.
    """

    experiment: Name | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    snapshot: SnapshotId | None = Field(None, description="Of a script: other code.")
    entrypoint: Prose | None = None
    args: Args | None = Field(
        None, description="Of a script: the whole command line, in the place of its own."
    )
    environment: Short | None = None
    git: Git | None = Field(None, description="Of other code; left out, nothing is known of it.")
    name: Name | None = None
    device: Device | None = None
    processes: Processes | None = None
    seed: Seed | None = None
    priority: Priority | None = None
    tags: Tags | None = None
    notes: Prose | None = None
    max_retries: MaxRetries | None = None
    timeout_s: TimeoutS | None = None
    env: Env | None = None
    after: RunId | None = None
