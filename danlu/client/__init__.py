"""The REST client: what the command line uses, and what a script may use.

`Client()` finds its server and its token by itself: arguments first, then `DANLU_URL` and `DANLU_TOKEN`, then
`cli.toml` in the home (`DANLU_HOME`, default `./danlu-data`), then the server that runs on that home.
What it returns are light objects around the JSON of `/api/v1`, in `data`; every refusal is an `ApiError`.
"""

from danlu.client.client import Client
from danlu.client.compared import (
    BulkOutcome,
    Completion,
    Completions,
    Importance,
    Influence,
    Logged,
    MediaOfRun,
    MediaTag,
    Refused,
    RunDiff,
    RunTable,
    SeedGroup,
    Seeds,
    SeedTest,
)
from danlu.client.fields import RunChanges, RunFields
from danlu.client.groups import Queue, Sweep
from danlu.client.live import LiveEvent
from danlu.client.log import TERMINAL, LogPiece
from danlu.client.records import (
    Device,
    Environment,
    Experiment,
    FileInfo,
    Me,
    Recipe,
    Snapshot,
    SnapshotFile,
    TensorBoard,
    TimelineEvent,
    Token,
    Worker,
    WorkerRun,
)
from danlu.client.run import Run
from danlu.client.saved import Collection, Report, View
from danlu.client.series import Series, SeriesOfRun, to_pandas
from danlu.errors import ApiError, RunFailed, UnreachableError

__all__ = [
    "TERMINAL",
    "ApiError",
    "BulkOutcome",
    "Client",
    "Collection",
    "Completion",
    "Completions",
    "Device",
    "Environment",
    "Experiment",
    "FileInfo",
    "Importance",
    "Influence",
    "LiveEvent",
    "LogPiece",
    "Logged",
    "Me",
    "MediaOfRun",
    "MediaTag",
    "Queue",
    "Recipe",
    "Refused",
    "Report",
    "Run",
    "RunChanges",
    "RunDiff",
    "RunFailed",
    "RunFields",
    "RunTable",
    "SeedGroup",
    "SeedTest",
    "Seeds",
    "Series",
    "SeriesOfRun",
    "Snapshot",
    "SnapshotFile",
    "Sweep",
    "TensorBoard",
    "TimelineEvent",
    "Token",
    "UnreachableError",
    "View",
    "Worker",
    "WorkerRun",
    "to_pandas",
]
