"""What endpoints ask for, beside the caller (`app.auth.deps`).

Endpoints open their own short transactions (`with db.write() as session`) instead of a session dependency: a
dependency with `yield` holds SQLite's one write lock while its endpoint waits for a free thread, and with more
waiting writers than threads nobody ever gets one.
"""

from typing import Annotated

from fastapi import Depends, Path, Request
from pydantic import AfterValidator

from app.config import Settings
from app.db import Database
from app.errors import NotFound
from app.fields import MAX_ID


# async: without a thread of their own these cost nothing.
async def _database(request: Request) -> Database:
    database: Database = request.app.state.db
    return database


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def _can_be_asked_for(slug: str) -> str:
    """A text that PostgreSQL cannot even be asked for is on both databases what it is: no experiment's."""
    if "\0" in slug:
        raise NotFound("There is no such experiment.")
    return slug


DbDep = Annotated[Database, Depends(_database)]
SettingsDep = Annotated[Settings, Depends(_settings)]
RunIdPath = Annotated[int, Path(ge=1, le=MAX_ID, description="Id of the run.")]
SlugPath = Annotated[
    str,
    Path(min_length=1, max_length=200, description="Slug of the experiment."),
    AfterValidator(_can_be_asked_for),
]
