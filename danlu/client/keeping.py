"""What people keep on a server beside their runs: saved views, reports, collections of runs in one TensorBoard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from danlu.client.fields import as_body, ids_of, segment
from danlu.client.saved import Collection, Report, View
from danlu.errors import ApiError

if TYPE_CHECKING:
    from danlu.client.run import Run
    from danlu.rest import Connection


class Keeping:
    """The part of the client with views, reports and collections."""

    _server: Connection

    # --- saved views

    def views(self, experiment: str | None = None) -> list[View]:
        """The saved views of an experiment, its default first; without one, those across experiments."""
        return [View(item) for item in self._server.pages("/views", {"experiment": experiment}, sized=False)]

    def create_view(
        self, name: str, query: str, *, experiment: str | None = None, default: bool = False
    ) -> View:
        """Save what a workbench shows under a name.

        Args:
            name: unique in the experiment; case does not count.
            query: what the workbench's address has behind the question mark.
            experiment: slug; None: a comparison across experiments, whose query names the runs.
            default: the experiment opens with it.

        Raises:
            ApiError: 409 when the name is taken.
        """
        body = as_body({"name": name, "query": query, "experiment": experiment, "default": default})
        try:
            return View(self._server.json("POST", "/views", json=body, retry=True))
        except ApiError as error:
            if error.repeated and error.status == 409:  # the answer to an earlier attempt was lost
                for found in self.views(experiment):
                    if (found.name, found.query) == (name, query.removeprefix("?")):
                        return found
            raise

    def change_view(
        self, view_id: int, *, name: str | None = None, query: str | None = None, default: bool | None = None
    ) -> View:
        """Rename a view, replace what it holds, or make it the default; None leaves one as it is."""
        body = as_body({"name": name, "query": query, "default": default})
        return View(self._server.json("PATCH", f"/views/{int(view_id)}", json=body, retry=True))

    def delete_view(self, view_id: int) -> None:
        """Forget a view; its owner or an administrator may."""
        self._server.delete(f"/views/{int(view_id)}")

    # --- reports

    def reports(self, experiment: str | None = None, *, limit: int | None = None) -> Iterator[Report]:
        """Reports, newest first, without their texts; `experiment` narrows them to one."""
        for item in self._server.pages("/reports", {"experiment": experiment}, limit=limit):
            yield Report(item)

    def report(self, report_id: int) -> Report:
        """One report, with its text."""
        return Report(self._server.json("GET", f"/reports/{int(report_id)}"))

    def create_report(self, title: str, body: str = "", *, experiment: str | None = None) -> Report:
        """Write a report in Markdown. Not sent again when its answer is lost: there could be two of it.

        Args:
            title: of up to 200 characters.
            body: Markdown of up to 200,000 characters.
            experiment: slug; None: of no single experiment.
        """
        sent = as_body({"title": title, "body": body, "experiment": experiment})
        return Report(self._server.json("POST", "/reports", json=sent))

    def change_report(
        self, report: Report | int, *, title: str | None = None, body: str | None = None
    ) -> Report:
        """Change title or text; None leaves one as it is.

        Args:
            report: as it was read: then one that somebody has changed since is left as it is. An id: whatever stands there is
                replaced.
            title: the new one.
            body: the new text.

        Raises:
            ApiError: 409 when it has changed since it was read.
        """
        sent = as_body({"title": title, "body": body})
        number = report if isinstance(report, int) else report.id
        if isinstance(report, Report):
            sent["updated_at"] = report.data["updated_at"]
        # Guarded like that, the second of two attempts would be refused for the change of the first.
        again = isinstance(report, int)
        return Report(self._server.json("PATCH", f"/reports/{number}", json=sent, retry=again))

    def delete_report(self, report_id: int) -> None:
        """Delete a report; its writer or an administrator may."""
        self._server.delete(f"/reports/{int(report_id)}")

    def preview_report(self, body: str, *, experiment: str | None = None) -> str:
        """How a text looks as a report, as HTML for a page of Danlu; nothing is stored."""
        sent = as_body({"body": body, "experiment": experiment})
        html: str = self._server.json("POST", "/reports/preview", json=sent, retry=True)["html"]
        return html

    def export_report(self, report_id: int, to: str | Path, *, format: Literal["html", "pdf"]) -> int:  # noqa: A002
        """Write a report as one file, with its runs and curves as they are now; gives its size in bytes.

        Raises:
            ApiError: there is no such report.
            OSError: it cannot be written.
        """
        answer = self._server.send(
            "GET", f"/reports/{report_id}/export", params={"format": format}, headers={"Accept": "*/*"}
        )
        return Path(to).write_bytes(answer.content)

    # --- TensorBoard on chosen runs

    def collect(self, runs: Sequence[Run | int]) -> Collection:
        """TensorBoard on exactly these runs, up to 200, of any experiments; the same runs give the same one."""
        body = {"runs": ids_of(runs)}
        return Collection(self._server.json("POST", "/tensorboards/collections", json=body, retry=True))

    def collection(self, collection_id: str) -> Collection:
        """Its runs that are still there, and where its TensorBoard stands; asking does not start it."""
        return Collection(self._server.json("GET", f"/tensorboards/collections/{segment(collection_id)}"))

    def delete_collection(self, collection_id: str) -> None:
        """Stop its TensorBoard and forget it; the runs stay."""
        self._server.delete(f"/tensorboards/collections/{segment(collection_id)}")
