"""What is sent to register an environment, and what is answered."""

import re
from datetime import datetime
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from app.answers import Answer
from app.clock import rfc3339
from app.fields import Body, one_line
from app.models import Environment

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MAX_PATH = 1000


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(
            "must be 1 to 64 letters, digits, '.', '_' and '-', and begin with a letter or a digit"
        )
    return text


def _python(text: str) -> str:
    path = PurePosixPath(one_line(text))
    if not path.is_absolute() or ".." in path.parts:
        raise ValueError("must be the absolute path of an interpreter, such as /opt/nlp/bin/python")
    return str(path)


class EnvironmentCreate(Body):
    """POST /environments."""

    name: Annotated[str, AfterValidator(_name)] = Field(description="Scripts ask for it as `venv:NAME`.")
    python: Annotated[str, Field(max_length=MAX_PATH), AfterValidator(_python)] = Field(
        description="Absolute path of the interpreter, on the workers' machines."
    )


class EnvironmentOut(Answer):
    """A registered environment."""

    name: str
    python: str
    created_at: datetime
    created_by: str = Field(description="Who has registered it, such as `user:ada`.")


class EnvironmentList(Answer):
    """All of them, by name."""

    items: list[EnvironmentOut]
    next: None = Field(description="Always null: this list has one page.")


def environment_json(environment: Environment) -> dict[str, Any]:
    """As the API answers it."""
    return {
        "name": environment.name,
        "python": environment.python,
        "created_at": rfc3339(environment.created_at),
        "created_by": environment.created_by,
    }
