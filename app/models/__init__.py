"""The tables. Rules that the code must never break are CHECK constraints here, on SQLite and PostgreSQL alike."""

from app.models.people import ApiToken, LoginSession, User
from app.models.runs import Experiment, IdempotencyKey, Metric, Report, Run, RunEvent, SavedView, Snapshot
from app.models.workers import Environment, Recipe, Setting, Worker

__all__ = [
    "ApiToken",
    "Environment",
    "Experiment",
    "IdempotencyKey",
    "LoginSession",
    "Metric",
    "Recipe",
    "Report",
    "Run",
    "RunEvent",
    "SavedView",
    "Setting",
    "Snapshot",
    "User",
    "Worker",
]
