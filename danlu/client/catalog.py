"""What a server has besides runs: experiments, TensorBoards, recipes, workers, environments, tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from danlu.client import moving
from danlu.client.fields import as_body, segment
from danlu.client.records import Environment, Experiment, Json, Me, Recipe, TensorBoard, Token, Worker
from danlu.errors import ApiError
from danlu.rest import Connection


class Catalog:
    """The part of the client that has nothing to do with runs."""

    _server: Connection

    # --- experiments

    def experiments(self, *, q: str | None = None, limit: int | None = None) -> Iterator[Experiment]:
        """Experiments, newest first; `q` is text in the name."""
        for item in self._server.pages("/experiments", {"q": q}, limit=limit):
            yield Experiment(item)

    def experiment(self, slug: str) -> Experiment:
        """One experiment."""
        return Experiment(self._server.json("GET", f"/experiments/{segment(slug)}"))

    def create_experiment(self, name: str, description: str = "") -> Experiment:
        """Make one. Raises ApiError 409 when there is one with this name."""
        try:
            return Experiment(self._server.create("/experiments", {"name": name, "description": description}))
        except ApiError as error:
            if error.repeated and error.status == 409:  # the answer to an earlier attempt was lost
                for found in self.experiments(q=name):
                    if (found.name, found.description, found.runs) == (name, description, 0):
                        return found
            raise

    def change_experiment(
        self, slug: str, *, name: str | None = None, description: str | None = None
    ) -> Experiment:
        """Change the name or the description; the slug stays."""
        body = as_body({"name": name, "description": description})
        return Experiment(self._server.json("PATCH", f"/experiments/{segment(slug)}", json=body, retry=True))

    def delete_experiment(self, slug: str) -> None:
        """Remove it with all its runs and files. Raises ApiError 409 while one of them is queued or running."""
        self._server.delete(f"/experiments/{segment(slug)}")

    def export(self, slug: str, to: str | Path, *, files: bool = False) -> int:
        """Write an experiment to `to` as one zip (docs/import.md says what is in it); returns its size in bytes.

        Args:
            slug: the experiment's.
            to: whose folder exists; whole, or not there when this raises.
            files: with every file of the runs.
        """
        return moving.export(self._server, slug, Path(to), files=files)

    def import_archive(self, archive: str | Path, query: Sequence[tuple[str, str]] = ()) -> Json:
        """Upload a zip or tar.gz of event files, or an export; answers what was added.

        Args:
            archive: the file.
            query: such as `[("experiment", "old"), ("tag", "2024")]`, see POST /import/upload.
        """
        return moving.import_archive(self._server, Path(archive), query)

    def import_folder(
        self,
        path: str,
        experiment: str | None = None,
        *,
        tags: Sequence[str] = (),
        per_folder: bool = False,
        dry_run: bool = False,
    ) -> Json:
        """Import a folder of the server where it lies; needs the admin right, and `DANLU_IMPORT_ROOTS` there.

        Asks again as long as the server says that there is more, and answers what was added, updated and left in all.

        Args:
            path: absolute, on the server's machine: a TensorBoard directory, or an export.
            experiment: slug or name; made when there is none. An export brings its own.
            tags: of the new runs.
            per_folder: each folder with event files is a run.
            dry_run: only tell what would be done.
        """
        body = as_body({"path": path, "experiment": experiment, "tags": tags})
        return moving.import_folder(self._server, body | {"per_folder": per_folder, "dry_run": dry_run})

    # --- TensorBoards

    def tensorboards(self) -> list[TensorBoard]:
        """Every TensorBoard that was asked for since the server's start."""
        return [TensorBoard(item) for item in self._server.pages("/tensorboards", sized=False)]

    def tensorboard(self, slug: str) -> TensorBoard:
        """That of an experiment; asking does not start it."""
        return self._tensorboard("GET", slug)

    def start_tensorboard(self, slug: str) -> TensorBoard:
        """Start that of an experiment, or try again after it failed."""
        return self._tensorboard("POST", slug)

    def stop_tensorboard(self, slug: str) -> TensorBoard:
        """Stop that of an experiment; the next visit starts it again."""
        return self._tensorboard("DELETE", slug)

    def _tensorboard(self, method: str, slug: str) -> TensorBoard:
        return TensorBoard(self._server.json(method, f"/experiments/{segment(slug)}/tensorboard", retry=True))

    # --- recipes, workers, environments

    def recipes(self) -> list[Recipe]:
        """What the workers can train: name, summary and the JSON Schema of the params."""
        return [Recipe(item) for item in self._server.pages("/recipes", sized=False)]

    def recipe(self, name: str) -> Recipe:
        """One recipe."""
        return Recipe(self._server.json("GET", f"/recipes/{segment(name)}"))

    def workers(self) -> list[Worker]:
        """The workers with their devices and slots."""
        return [Worker(item) for item in self._server.pages("/workers", sized=False)]

    def environments(self) -> list[Environment]:
        """The Pythons that an administrator has registered."""
        return [Environment(item) for item in self._server.pages("/environments", sized=False)]

    def create_environment(self, name: str, python: str) -> Environment:
        """Register an interpreter by its path; needs the admin right."""
        try:
            return Environment(self._server.create("/environments", {"name": name, "python": python}))
        except ApiError as error:
            if error.repeated and error.status == 409:  # the answer to an earlier attempt was lost
                for found in self.environments():
                    if (found.name, found.python) == (name, python):
                        return found
            raise

    def delete_environment(self, name: str) -> None:
        """Forget one; needs the admin right."""
        self._server.delete(f"/environments/{segment(name)}")

    # --- who

    def me(self) -> Me:
        """Whose token this is, and what it may do."""
        return Me(self._server.json("GET", "/me"))

    def tokens(self, *, limit: int | None = None) -> Iterator[Token]:
        """The caller's API tokens, newest first; everybody's for an administrator."""
        for item in self._server.pages("/tokens", limit=limit):
            yield Token(item)

    def create_token(
        self,
        name: str,
        scope: Literal["read", "submit", "admin"] = "read",
        *,
        expires_days: int | None = 90,
    ) -> Token:
        """Make one; its secret is in `token`, this once. Not sent again when its answer is lost: the secret would be, too."""
        body = {"name": name, "scope": scope, "expires_days": expires_days}
        return Token(self._server.json("POST", "/tokens", json=body))

    def delete_token(self, token_id: int) -> None:
        """Revoke one."""
        self._server.delete(f"/tokens/{int(token_id)}")
