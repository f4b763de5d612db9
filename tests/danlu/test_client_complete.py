"""The client has a call for everything that the REST interface offers."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from app.config import load_settings
from app.main import create_app
from danlu.client import Client, Run

ANSWER: dict[str, Any] = {
    "id": 7, "state": "succeeded", "sweep": "s", "items": [], "next": None, "series": [], "entrypoint": "train.py",
    "html": "", "nodes": [], "runs": [], "done": [], "refused": [], "updated_at": "2026-01-01T00:00:00Z",
    "added": [], "updated": [], "unchanged": 0, "counts": {"added": 0, "updated": 0}, "complete": True, "dry_run": False,
}  # fmt: skip


def asked(call: Callable[[Client, Run], Any]) -> set[tuple[str, str]]:
    """Method and path of what a call sends."""
    sent: list[tuple[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append((request.method, request.url.path.removeprefix("/api/v1")))
        if request.url.path.endswith("/stream"):
            return httpx.Response(200, content=b'event: run\ndata: {"id": 7}\n\n')
        if request.method == "GET" and re.fullmatch(r"/api/v1/snapshots/[0-9a-f]{64}", request.url.path):
            return httpx.Response(404, json={"error": "not_found", "detail": "no"})
        return httpx.Response(200, json=ANSWER, headers={"X-Next-Offset": "0"})

    with Client("http://danlu.example.org", "danlu_x", transport=httpx.MockTransport(answer)) as client:
        run = client.run(7)
        sent.clear()
        call(client, run)
    return set(sent)


def calls(folder: Path) -> list[Callable[[Client, Run], Any]]:
    (folder / "train.py").write_text("print(1)\n")
    return [
        lambda c, r: (c.me(), list(c.tokens()), c.create_token("a"), c.delete_token(7)),
        lambda c, r: (
            list(c.experiments()),
            c.experiment("e"),
            c.create_experiment("e"),
            c.delete_experiment("e"),
        ),
        lambda c, r: c.change_experiment("e", name="f"),
        lambda c, r: (
            c.tensorboards(),
            c.tensorboard("e"),
            c.start_tensorboard("e"),
            c.stop_tensorboard("e"),
        ),
        lambda c, r: (c.recipes(), c.recipe("rings"), c.workers()),
        lambda c, r: (c.environments(), c.create_environment("a", "/b"), c.delete_environment("a")),
        lambda c, r: (c.upload(folder), c.snapshot("0" * 64 + "x"), c.snapshot_file("0" * 64, "train.py")),
        lambda c, r: (c.submit("e", "rings"), c.sweep("e", "rings", grid={}), list(c.runs()), c.run(7)),
        lambda c, r: (c.queue(), c.pause_queue(), c.resume_queue(), r.move("top")),
        lambda c, r: (c.metrics([7]), r.metric_tags(), next(c.stream("run:7"))),
        lambda c, r: (r.cancel(), r.retry(), r.clone(), r.change(name="a"), r.delete()),
        lambda c, r: (
            r.events(),
            r.log(),
            r.files(),
            r.read("a"),
            r.diff(),
            r.traceback(),
            r.environment_record(),
        ),
        lambda c, r: (c.bulk([7], "cancel"), c.table(), c.complete("a"), c.diff(7, 8), c.seeds(runs=[r])),
        lambda c, r: (c.importance("loss", runs=[r]), c.media_tags([r]), c.media([r], "images", "samples")),
        lambda c, r: (c.image(r, "k"), c.graph(r, "k")),
        lambda c, r: (c.views("e"), c.create_view("a", "b"), c.change_view(7, name="a"), c.delete_view(7)),
        lambda c, r: (list(c.reports()), c.report(7), c.create_report("a"), c.delete_report(7)),
        lambda c, r: (c.change_report(7, body="a"), c.preview_report("a")),
        lambda c, r: c.export_report(7, folder / "report.html", format="html"),
        lambda c, r: (c.collect([r]), c.collection("x"), c.delete_collection("x")),
        lambda c, r: (c.import_folder("/logs", "e"), c.import_archive(folder / "train.py")),
        lambda c, r: c.export("e", folder / "e.zip"),
    ]


def test_every_rest_call_has_one_of_the_client(home: Path, tmp_path: Path) -> None:
    paths = create_app(load_settings(home=home)).openapi()["paths"]
    offered = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, methods in paths.items()
        if path.startswith("/api/v1/")
        for method in methods
    }
    assert len(offered) > 60
    sent = set().union(*(asked(call) for call in calls(tmp_path)))
    missing = []
    for call in sorted(offered):
        method, path = call.split()
        if not any(method == used and re.fullmatch(pattern(path), at) for used, at in sent):
            missing.append(call)
    assert missing == []


def pattern(path: str) -> str:
    """Of the paths that an OpenAPI path stands for."""
    return re.sub(r"{(\w+)}", lambda name: ".+" if name[1] == "path" else "[^/]+", path)
