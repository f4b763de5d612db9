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


class CodeLine(Answer):
    """A line of a source file."""

    line: int
    text: str


class FrameOut(Answer):
    """A frame of a traceback."""

    file: str = Field(description="As the traceback names it.")
    line: int
    function: str
    snapshot_path: str | None = Field(description="Its path in the run's own code; null for a library's.")
    context: list[CodeLine] = Field(
        description="The failing line; of the run's own code with those around it."
    )


class TracebackOut(Answer):
    """What a run died of, as its output says."""

    type: str
    message: str
    frames: list[FrameOut] = Field(description="From the outermost to where it was raised.")
    text: str = Field(description="The whole, with what it was chained to.")
