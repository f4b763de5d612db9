"""What `GET /runs` may be asked: the query string, typed and bounded."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.fields import Text
from app.runs.words import RunState


class RunListQuery(BaseModel):
    """Filters are joined with "and"; `state`, `recipe`, `snapshot` and `entrypoint` may be repeated for "or", `tag` for "and"."""

    model_config = ConfigDict(extra="forbid")

    experiment: Text | None = Field(None, description="Slug of an experiment.")
    state: list[RunState] = Field([], max_length=5)
    tag: list[Text] = Field([], max_length=32)
    recipe: list[Text] = Field([], max_length=32)
    snapshot: list[Text] = Field([], max_length=32, description="Id of uploaded code.")
    entrypoint: list[Text] = Field([], max_length=32, description="A script, by its path in the snapshot.")
    sweep: Text | None = Field(None, description="Only the runs of this sweep, see POST /sweeps.")
    q: Text | None = Field(
        None,
        description="A query such as `state:running lr<0.01 val_acc>0.9`, see docs/compare.md; bare words are found in "
        "the name or the notes, case of ASCII ignored.",
    )
    archived: bool = Field(False, description="Archived runs, too.")
    sort: Text = Field(
        "-created",
        description="created, updated, started, finished, name, state, recipe, experiment, priority, queue (as runs are claimed), "
        "duration, metrics.TAG or params.KEY; a minus before it turns it round. Missing values come last.",
    )
    cursor: Annotated[str, Field(max_length=8_000)] | None = Field(
        None, description="`next` of the page before."
    )
    limit: Annotated[int, Field(ge=1, le=500)] = 50
