"""The JSON bodies of the calls on the queue."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from app.fields import Body, Text
from app.queue.grid import check
from app.runs.schemas import RunCreate, RunId


class RunMove(Body):
    """POST /runs/{id}/move: exactly one of the three."""

    before: RunId | None = Field(None, description="Id of a queued run: right before it, with its priority.")
    after: RunId | None = Field(None, description="Id of a queued run: right behind it, with its priority.")
    to: Literal["top", "bottom"] | None = Field(None, description="To the front or the end of the queue.")

    @model_validator(mode="after")
    def _one(self) -> "RunMove":
        given = [name for name in ("before", "after", "to") if getattr(self, name) is not None]
        if len(given) != 1:
            said = " and ".join(given) or "none of them"
            raise ValueError(f"give exactly one of before, after and to; this has {said}")
        return self


def _grid(grid: dict[str, list[Any]]) -> dict[str, list[Any]]:
    check(grid)
    return grid


class SweepCreate(RunCreate):
    """POST /sweeps: what POST /runs takes, and a grid; one run for each combination of its values."""

    grid: Annotated[dict[Text, list[Any]], AfterValidator(_grid)] = Field(
        description="Param → its values; `seed` too, where there is no param of that name. At most 500 combinations."
    )
