"""The JSON bodies of the calls on the queue."""

from typing import Literal

from pydantic import Field, model_validator

from app.fields import Body
from app.runs.schemas import RunId


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
