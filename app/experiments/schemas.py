"""The JSON bodies of the calls on experiments."""

from pydantic import Field

from app.fields import Body, Name, Prose


class ExperimentCreate(Body):
    """POST /experiments."""

    name: Name = Field(description="Its slug, which stands in its URL, is made of it.")
    description: Prose = Field("", description="Free text.")


class ExperimentPatch(Body):
    """PATCH /experiments/{slug}: only what is sent is changed; the slug stays as it is."""

    name: Name | None = None
    description: Prose | None = None
