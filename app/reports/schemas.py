"""The JSON of the calls on reports."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from app.answers import Answer
from app.fields import Body, Name, Text, storable

MAX_BODY = 200_000
Markdown = Annotated[str, Field(max_length=MAX_BODY), AfterValidator(storable)]


class ReportCreate(Body):
    """POST /reports."""

    title: Name
    body: Markdown = Field("", description="Markdown, see docs/compare.md.")
    experiment: Text | None = Field(None, description="Slug; null: of no single experiment.")


class ReportPatch(Body):
    """PATCH /reports/{id}: only what is sent is changed."""

    title: Name | None = None
    body: Markdown | None = None
    updated_at: Text | None = Field(
        None, description="As it was read; refused with 409 when the report has changed since. Or If-Match."
    )


class ReportPreview(Body):
    """POST /reports/preview."""

    body: Markdown
    experiment: Text | None = None


class PreviewOut(Answer):
    """How a text looks as a report."""

    html: str = Field(description="What stands below the title, to be put into a page of Danlu.")


class ReportLinks(Answer):
    """Paths of what belongs to a report."""

    self: str
    page: str
    html: str
    pdf: str


class ReportEntry(Answer):
    """A report in a list."""

    id: int
    title: str
    experiment: str | None = Field(description="Slug.")
    owner: str | None
    created_at: datetime
    updated_at: datetime
    links: ReportLinks


class ReportOut(ReportEntry):
    """One report."""

    body: str = Field(description="Markdown.")


class ReportList(Answer):
    """The reports, the one that was changed last first."""

    items: list[ReportEntry]
    next: str | None = Field(description="`cursor` of the next page; null on the last one.")
