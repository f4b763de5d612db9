"""Scripts and the queue through the client, on a real server."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fakes.tcp_proxy import proxied
from packed import TRAIN
from rest import Rest, resting

import danlu.rest
from app.config import Settings
from app.runs.words import RunState
from danlu.client import ApiError, Client, RunFailed
from danlu.pack import PackError, content_id, facts, select


@pytest.fixture
def rest(sqlite_settings: Settings) -> Iterator[Rest]:
    with resting(sqlite_settings) as served:
        yield served


class Counting(httpx.HTTPTransport):
    """The network, and what was sent over it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(f"{request.method} {request.url.path.split('/')[3]}")
        return super().handle_request(request)


@pytest.fixture
def network() -> Counting:
    return Counting()


@pytest.fixture
def client(rest: Rest, network: Counting, tmp_path: Path) -> Iterator[Client]:
    with Client(rest.served.url, home=tmp_path, transport=network) as made:
        yield made


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "tools").mkdir(parents=True)
    (folder / "train.py").write_text(TRAIN)
    (folder / "tools" / "__init__.py").write_text("x = 1\n")
    (folder / "data.bin").write_bytes(b"0" * 1000)
    (folder / ".danluignore").write_text("*.bin\n")
    return folder


def test_a_folder_is_sent_once(client: Client, project: Path, network: Counting) -> None:
    first = client.upload(project)
    assert first.id == content_id(facts(select(project)))
    assert (first.entrypoints[0], first.entrypoint, first.known) == ("train.py", "train.py", False)
    assert first.params_schema["properties"]["lr"]["default"] == 0.001
    again = client.upload(project)
    assert (again.id, again.known) == (first.id, True)
    assert network.sent == ["GET snapshots", "POST snapshots", "GET snapshots"]
    assert {item.path for item in client.snapshot(first.id).listing} == {
        ".danluignore",
        "train.py",
        "tools/__init__.py",
    }
    assert client.snapshot_file(first.id, "tools/__init__.py") == "x = 1\n"


def test_a_folder_that_only_wraps_another_keeps_its_names(
    client: Client, project: Path, tmp_path: Path
) -> None:
    outer = tmp_path / "outer" / "outer"
    outer.mkdir(parents=True)
    (outer / "train.py").write_text(TRAIN)
    made = client.upload(tmp_path / "outer")
    assert made.entrypoint == "outer/train.py"
    assert client.upload(tmp_path / "outer").known


def test_a_script_comes_with_its_folder_or_alone(client: Client, project: Path) -> None:
    (project / "other.py").write_text("A = 1\n")
    whole = client.upload(project / "other.py")
    assert (whole.entrypoint, whole.files) == ("other.py", 4)
    assert client.upload(project / "other.py", alone=True).files == 1
    with pytest.raises(PackError, match="neither"):
        client.upload(project / "nope.py")


def test_a_syntax_error_is_told_with_its_line(client: Client, project: Path) -> None:
    (project / "train.py").write_text("x = 1\nif x\n")
    with pytest.raises(ApiError, match="line 2") as caught:
        client.upload(project / "train.py")
    assert caught.value.status == 422


def test_a_script_is_submitted_in_one_call(client: Client, project: Path) -> None:
    git = ["git", "-C", str(project), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "init", "-q", str(project)], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "first"], check=True)
    (project / "train.py").write_text(TRAIN + "# new\n")
    run = client.submit("mnist", params={"lr": 0.1}, args=["--amp"], script=project / "train.py")
    assert run.entrypoint == "train.py"
    assert run.args == ["--lr", "0.1", "--amp"]
    assert run.params == {"lr": 0.1, "epochs": 3, "optimizer": "adam", "amp": True}
    assert run.git is not None
    assert run.git["dirty"]
    assert "+# new" in run.diff()
    assert run.traceback() is None
    assert run.snapshot == client.upload(project).id
    assert [found.id for found in client.runs(snapshot=run.snapshot, entrypoint="train.py")] == [run.id]
    with pytest.raises(ApiError, match="beta"):
        client.submit("mnist", params={"beta": 1}, script=project)
    with pytest.raises(TypeError, match="not both"):
        client.submit("mnist", script=project, snapshot=run.snapshot)


def test_a_command_line_is_an_entrypoint(client: Client, project: Path) -> None:
    run = client.submit("mnist", script=project, environment="shell", entrypoint="python train.py --lr 1")
    assert (run.environment, run.entrypoint) == ("shell", "python train.py --lr 1")


def test_an_upload_whose_answer_is_lost_is_sent_again(
    rest: Rest, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(danlu.rest, "FIRST_DELAY", 0.001)
    with proxied(rest.served.url) as proxy, Client(proxy.url, home=tmp_path) as client:
        proxy.lose = 2
        run = client.submit("mnist", script=project / "train.py")
        assert proxy.lost == 2
    assert [item["id"] for item in rest.items()] == [run.id]


def test_the_queue_is_ordered_paused_and_chained(
    client: Client, rest: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("danlu.client.client.PAGE", 2)
    monkeypatch.setattr(danlu.rest, "PAGE", 2)
    one, two, three = (client.submit("exp", "free", name=name) for name in ("one", "two", "three"))
    last = client.submit("exp", "free", after=one)
    assert (last.after, client.queue().paused) == (one.id, None)
    three.move("top")
    one.move(behind=two)
    order = [run.id for run in client.queue().runs]
    assert order[:3] == [three.id, two.id, one.id]
    assert one.move(before=three.id).position == 1
    with pytest.raises(TypeError, match="one of"):
        one.move("top", before=two)
    client.pause_queue()
    paused = client.queue().paused
    assert paused is not None
    assert paused["by"]
    client.resume_queue()
    assert client.queue().paused is None
    one.cancel()
    assert last.wait(5).reason == "dependency_failed"
    rest.bring(three.id, RunState.SUCCEEDED)
    with pytest.raises(ApiError) as caught:
        three.move("top")
    assert caught.value.status == 409


def test_a_sweep_is_one_request(client: Client, rest: Rest, network: Counting) -> None:
    made = client.sweep("exp", "rings", {"epochs": 3}, grid={"lr": [0.1, 0.01], "seed": range(3)}, tags=["s"])
    assert network.sent == ["POST sweeps"]
    assert len(made.runs) == 6
    assert {(run.params["lr"], run.seed) for run in made.runs} == {
        (lr, seed) for lr in (0.1, 0.01) for seed in range(3)
    }
    assert {run.id for run in client.runs(sweep=made.id)} == {run.id for run in made.runs}
    assert all((run.sweep, run.tags, run.params["epochs"]) == (made.id, ["s"], 3) for run in made.runs)
    for run in made.runs:
        run.cancel()
    assert {run.state for run in made.wait(10)} == {"cancelled"}
    with pytest.raises(RunFailed):
        made.wait(10, check=True)
    with pytest.raises(ApiError, match="500"):
        client.sweep("exp", "rings", grid={"seed": range(501)})
    with pytest.raises(TypeError, match="list"):
        client.sweep("exp", "rings", grid={"optimizer": "adam"})


def test_a_sweep_whose_answer_is_lost_is_one_sweep(
    rest: Rest, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(danlu.rest, "FIRST_DELAY", 0.001)
    with proxied(rest.served.url) as proxy, Client(proxy.url, home=tmp_path) as client:
        code = client.upload(project)
        proxy.lose = 2
        made = client.sweep("exp", snapshot=code, grid={"lr": [0.1, 0.2]})
        assert proxy.lost == 2
    assert sorted(item["id"] for item in rest.items()) == [run.id for run in made.runs]
