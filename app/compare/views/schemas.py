"""The JSON of the calls on saved views."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from app.answers import Answer
from app.compare.views.address import cleaned
from app.fields import Body, Name, Text

MAX_QUERY = 8_000
"""Characters; what any proxy lets through as an address."""
Query = Annotated[str, Field(max_length=MAX_QUERY), AfterValidator(cleaned)]


class ViewCreate(Body):
    """POST /views."""

    name: Name = Field(description="Unique among the views of the experiment; case does not count.")
    query: Query = Field(description="The workbench's query string, with or without the question mark.")
    experiment: Text | None = Field(
        None, description="Slug; null: a comparison across experiments, whose query names the runs."
    )
    default: bool = Field(False, description="What the experiment opens with.")


class ViewPatch(Body):
    """PATCH /views/{id}: only what is sent is changed."""

    name: Name | None = None
    query: Query | None = None
    default: bool | None = Field(None, description="true takes it from the view that had it.")


class ViewLinks(Answer):
    """Paths of what belongs to a view."""

    self: str
    page: str = Field(description="The workbench as the view has it.")


class ViewOut(Answer):
    """One saved view."""

    id: int
    name: str
    experiment: str | None = Field(description="Slug; null for a comparison across experiments.")
    query: str = Field(description="Without the question mark.")
    default: bool
    owner: str | None
    created_at: datetime
    updated_at: datetime
    links: ViewLinks


class ViewList(Answer):
    """The views of an experiment, or of comparisons across experiments, by name."""

    items: list[ViewOut]
    next: None
