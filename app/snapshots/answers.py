"""What the calls on snapshots answer, for the OpenAPI document."""

from typing import Any

from pydantic import Field

from app.answers import Answer


class SnapshotOut(Answer):
    """Uploaded code. What is told of a script concerns `entrypoint`."""

    id: str = Field(description="SHA-256 of the content.")
    files: int
    size: int = Field(description="Bytes, unpacked.")
    filename: str = Field(description="As it was first uploaded.")
    entrypoints: list[str] = Field(description="What can be run, the likeliest first.")
    entrypoint: str | None = Field(
        description="The one asked for, else the likeliest; null without a script."
    )
    form: dict[str, Any] = Field(description="Its command line, as read from its source.")
    params_schema: dict[str, Any] = Field(description="JSON Schema of its params.")
    command: str | None = Field(description="How it is started, before any arguments.")
    known: bool = Field(description="Whether the content was here already.")


class SnapshotFile(Answer):
    """One file of a snapshot."""

    path: str
    size: int = Field(description="Bytes.")
    executable: bool


class SnapshotDetails(SnapshotOut):
    """Uploaded code with its files."""

    listing: list[SnapshotFile]
