"""GET /api/v1/media… on a real server, with the real data server and event files that Danlu's board wrote."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from factories import make_experiment, make_run
from served import Served, serving
from sqlalchemy import select
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.graph_pb2 import GraphDef
from tensorboard.compat.proto.summary_pb2 import (
    DATA_CLASS_BLOB_SEQUENCE,
    DATA_CLASS_TENSOR,
    Summary,
    SummaryMetadata,
)
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_DOUBLE, DT_STRING
from waiting import wait_for

from app.clock import utcnow
from app.config import load_settings, run_dir
from app.metrics.media import KEPT
from app.models import Experiment, Run
from danlu.board import Board
from danlu.events import EventWriter

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def served(home: Path) -> Iterator[Served]:
    with serving(load_settings(home=home, port=0, auth="none")) as running:
        yield running


@pytest.fixture
def api(served: Served) -> httpx.Client:
    return served.client()


def new_run(served: Served, slug: str = "rings") -> tuple[int, Path]:
    with served.db.write() as session:
        experiment = session.scalar(select(Experiment).where(Experiment.slug == slug))
        run = make_run(session, experiment or make_experiment(session, slug))
        folder = run_dir(served.settings, slug, run.slug)
        folder.mkdir(parents=True, exist_ok=True)
        return run.id, folder


def media(api: httpx.Client, kind: str, tag: str, *runs: int) -> list[dict[str, Any]]:
    answer = api.get("/api/v1/media", params={"run": runs, "kind": kind, "tag": tag})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["runs"]
    return found


def tags(api: httpx.Client, *runs: int) -> dict[tuple[str, str], list[int]]:
    answer = api.get("/api/v1/media/tags", params={"run": runs})
    assert answer.status_code == 200, answer.text
    return {(item["kind"], item["tag"]): item["runs"] for item in answer.json()["items"]}


def draw(folder: Path, steps: range) -> None:
    with Board(folder) as board:
        for step in steps:
            board.image("samples", np.full((4, 6, 3), step % 250, np.uint8), step)
            board.images("batch", np.zeros((3, 3, 5, 5)), step)
            board.histogram("weights", np.linspace(-1, step + 1, 200), step, bins=8)
            board.text("note", f"**step** <b>{step}</b>", step)
            board.scalar("loss", 1.0, step)


def test_everything_of_two_runs_by_tag(served: Served, api: httpx.Client) -> None:
    (one, first), (two, second) = new_run(served), new_run(served)
    draw(first, range(0, 30, 10))
    draw(second, range(5, 15, 5))
    assert tags(api, one, two) == {
        (kind, tag): [one, two]
        for kind, tag in (
            ("histograms", "weights"),
            ("images", "batch"),
            ("images", "samples"),
            ("text", "note"),
        )
    }
    left, right = media(api, "images", "samples", one, two)
    assert [item["step"] for item in left["items"]] == [0, 10, 20]
    assert [item["step"] for item in right["items"]] == [5, 10]
    assert [len(item["keys"]) for item in media(api, "images", "batch", one)[0]["items"]] == [3, 3, 3]
    (weights,) = media(api, "histograms", "weights", one)
    assert [len(item["bins"]) for item in weights["items"]] == [8, 8, 8]
    assert sum(count for _, _, count in weights["items"][0]["bins"]) == 200
    assert weights["items"][2]["bins"][0][0] == -1
    (note,) = media(api, "text", "note", one)
    assert note["items"][1]["texts"] == ["**step** <b>10</b>"]
    assert not note["sampled"]
    assert media(api, "images", "nope", one)[0]["items"] == []
    assert media(api, "text", "samples", one)[0]["items"] == []


def test_an_image_is_sent_so_that_it_can_be_kept_and_cannot_run(served: Served, api: httpx.Client) -> None:
    run, folder = new_run(served)
    draw(folder, range(2))
    key = media(api, "images", "samples", run)[0]["items"][1]["keys"][0]
    answer = api.get("/api/v1/media/blob", params={"run": run, "key": key, "v": "1.5"})
    assert answer.status_code == 200
    assert answer.content.startswith(PNG)
    assert answer.headers["content-type"] == "image/png"
    assert "immutable" in answer.headers["cache-control"]
    assert "private" in answer.headers["cache-control"]
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"
    plain = api.get("/api/v1/media/blob", params={"run": run, "key": key})
    assert plain.headers["cache-control"] == "private, no-cache"


def test_what_could_run_in_a_browser_is_not_sent(served: Served, api: httpx.Client) -> None:
    run, folder = new_run(served)
    with Board(folder) as board:
        board._strings(
            "evil", [b"1", b"1", b"<svg onload='alert(1)'/>"], 0, "images", DATA_CLASS_BLOB_SEQUENCE
        )
    key = media(api, "images", "evil", run)[0]["items"][0]["keys"][0]
    assert api.get("/api/v1/media/blob", params={"run": run, "key": key}).status_code == 415


def test_keys_of_other_runs_and_of_nothing(served: Served, api: httpx.Client) -> None:
    (run, folder), (other, beside) = new_run(served), new_run(served)
    draw(folder, range(1))
    draw(beside, range(1))
    key = media(api, "images", "samples", other)[0]["items"][0]["keys"][0]
    slug = folder.name
    made = [
        base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")
        for parts in (
            ["", slug, "samples", 99, 2],
            ["", slug, "samples", 0, 99],
            ["", "../x", "samples", 0, 2],
            [1],
            "x",
        )
    ]
    for wrong in (key, "", "é", "!!!", "A" * 4000, *made):
        answer = api.get("/api/v1/media/blob", params={"run": run, "key": wrong})
        assert answer.status_code == 404, (wrong, answer.text)
        assert answer.json()["error"] == "not_found"


def test_names_are_those_of_the_curves(served: Served, api: httpx.Client) -> None:
    """One folder of the script's own choice says nothing; two are told apart, the same as scalars are."""
    run, folder = new_run(served)
    draw(folder / "logs" / "train", range(1))
    assert ("images", "samples") in tags(api, run)
    with EventWriter(folder / "logs" / "validation") as writer:
        writer.scalar("loss", 1.0, 0)
    wait_for(lambda: ("images", "train/samples") in tags(api, run), 6, "the folder's name in front")
    (found,) = media(api, "images", "train/samples", run)
    assert len(found["items"]) == 1
    assert media(api, "images", "samples", run)[0]["items"] == []
    assert "train/loss" in api.get(f"/api/v1/metrics/tags?run={run}").json()["items"]


def test_a_long_run_says_that_steps_are_left_out(served: Served, api: httpx.Client) -> None:
    run, folder = new_run(served)
    with Board(folder) as board:
        for step in range(3 * KEPT["text"]):
            board.text("note", "x" * (70_000 if step == 3 * KEPT["text"] - 1 else 3), step)
    (found,) = media(api, "text", "note", run)
    assert found["sampled"]
    assert len(found["items"]) == KEPT["text"]
    last = found["items"][-1]
    assert (last["step"], last["cut"], len(last["texts"][0])) == (3 * KEPT["text"] - 1, True, 2**16)


def test_tensors_that_are_no_histograms_and_no_texts_are_survived(served: Served, api: httpx.Client) -> None:
    odd = {
        "histograms": [
            TensorProto(dtype=DT_DOUBLE, tensor_shape=shape(10**10, 3), double_val=[1.0]),
            TensorProto(dtype=DT_DOUBLE, tensor_shape=shape(2, 3), tensor_content=b"short"),
            TensorProto(dtype=DT_STRING, tensor_shape=shape(1, 3), string_val=[b"a", b"b", b"c"]),
            TensorProto(dtype=77, tensor_shape=shape(1, 3)),
            TensorProto(dtype=DT_DOUBLE, tensor_shape=shape(3), double_val=[1, 2, 3]),
        ],
        "text": [TensorProto(dtype=DT_STRING, tensor_shape=shape(1), tensor_content=b"no string")],
    }
    run, folder = new_run(served)
    with EventWriter(folder) as writer:
        for plugin, tensors in odd.items():
            metadata = SummaryMetadata(data_class=DATA_CLASS_TENSOR)
            metadata.plugin_data.plugin_name = plugin
            for number, tensor in enumerate(tensors):
                item = Summary.Value(tag=f"{plugin}{number}", tensor=tensor, metadata=metadata)
                writer.summary(Summary(value=[item]), 0, 1e9)
    found = tags(api, run)
    assert {kind for kind, _ in found} == {"histograms", "text"}
    for kind, tag in found:
        (one,) = media(api, kind, tag, run)
        (item,) = one["items"]
        assert item.get("bins", item.get("texts")) == [], (kind, tag)


def shape(*sizes: int) -> TensorShapeProto:
    return TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in sizes])


def test_a_graph_is_listed_as_nodes(served: Served, api: httpx.Client) -> None:
    run, folder = new_run(served)
    graph = GraphDef()
    graph.node.add(name="net/input", op="IO Node")
    graph.node.add(name="net/fc1/weight", op="Parameter", input=["net/input"])
    with EventWriter(folder) as writer:
        writer.event(Event(graph_def=graph.SerializeToString()))
    ((kind, tag),) = tags(api, run)
    assert kind == "graph"
    key = media(api, "graph", tag, run)[0]["items"][0]["keys"][0]
    answer = api.get("/api/v1/media/graph", params={"run": run, "key": key})
    assert answer.json() == {
        "nodes": [["net/input", "IO Node", []], ["net/fc1/weight", "Parameter", ["net/input"]]],
        "total": 2,
    }
    assert api.get("/api/v1/media/blob", params={"run": run, "key": key}).status_code == 415


def test_runs_of_several_experiments_without_media_and_gone(served: Served, api: httpx.Client) -> None:
    (one, first), (two, second), (bare, _) = new_run(served), new_run(served, "moons"), new_run(served)
    draw(first, range(1))
    draw(second, range(1))
    assert tags(api, one, two, bare)["images", "samples"] == [one, two]
    found = media(api, "images", "samples", two, bare, one, 999)
    assert [(item["run"], len(item["items"])) for item in found] == [(two, 1), (bare, 0), (one, 1)]
    with served.db.write() as session:
        session.get_one(Run, two).deleted_at = utcnow()
    assert tags(api, one, two)["images", "samples"] == [one]
    assert api.get("/api/v1/media/tags", params={"run": [999]}).status_code == 404
    many = api.get("/api/v1/media/tags", params={"run": list(range(1, 60))})
    assert many.status_code == 422
    assert "run" in many.json()["fields"]
    assert api.get("/api/v1/media", params={"run": one, "tag": "samples", "kind": "audio"}).status_code == 422
