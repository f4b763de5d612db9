"""How each contestant is filled, started and asked: what its own page does to show one metric of all runs."""

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote, urlencode

import httpx

from bench.common import environment, free_port, service
from bench.compare import curves, home, venv

PEERS = Path(__file__).parent / "peers"
TAG = "loss/train"
SETTLE = 120.0  # seconds in which a server has to be up
TRACKIO_RUNS = 50


@dataclass(frozen=True)
class Contestant:
    """A running server with all runs in it.

    Attributes:
        name: with its version.
        page: URL that shows one metric of all runs, or everything if there is no such page.
        ask: what the page asks for that metric of all runs; returns the bytes on the wire.
        painted: JS, true when the first chart is drawn; None: any canvas with something on it, or any long path.
        note: what is not alike.
        more: other questions.
        home: Danlu's own folder.
    """

    name: str
    page: str
    ask: Callable[[], int]
    painted: str | None = None
    note: str = ""
    more: dict[str, Callable[[], int]] = field(default_factory=dict)
    home: Path | None = None


@contextmanager
def danlu(runs: int, points: int, *, live: bool = False) -> Iterator[Contestant]:
    """Danlu, on a home of its own; with `live` its runs are still running."""
    name = "danlu-live" if live else "danlu"
    kept = _filled(name, runs, points, lambda folder: home.fill(folder, runs, points, finished=not live))

    def prepare(folder: Path) -> None:
        shutil.copytree(kept, folder, dirs_exist_ok=True, copy_function=_link)

    with service(worker=False, prepare=prepare, auth="none") as running, _client(running.url) as client:
        ids = [("run", run) for run in range(1, runs + 1)]
        accept = {"Accept": "application/vnd.danlu.columns"}

        def ask(points: int = 1000) -> int:
            query = urlencode([*ids, ("tag", TAG), ("points", points)])
            return _bytes(client, "GET", f"/api/v1/metrics?{query}", headers=accept)

        look = f"/api/v1/metrics?{urlencode([*ids, ('tag', TAG), ('points', 4)])}"

        def read() -> bool:
            answer = client.get(look).json()
            whole = sum(one["total"] >= points for one in answer["series"]) == runs
            return whole and (live or bool(answer["settled"]))

        _until(read)
        page = f"{running.url}/compare?{urlencode(ids)}"
        drawn = "() => document.querySelector('.curve[data-drawn]') !== null"
        more = {"all points": lambda: ask(0)}
        yield Contestant(f"Danlu {version('danlu')}", page, ask, drawn, more=more, home=running.home)


@contextmanager
def tensorboard(runs: int, points: int) -> Iterator[Contestant]:
    """TensorBoard on the same event files, with its data server."""
    kept = _filled("danlu", runs, points, lambda folder: home.fill(folder, runs, points))
    port = free_port()
    logdir = kept / "experiments" / home.SLUG
    command = [
        sys.executable,
        "-m",
        "tensorboard.main",
        f"--logdir={logdir}",
        f"--port={port}",
        "--host=127.0.0.1",
    ]
    with _server(command, port) as client:
        path = "/experiment/defaultExperimentId/data/plugin/timeseries/timeSeries"
        form = {"requests": json.dumps([{"plugin": "scalars", "tag": TAG}])}

        def ask() -> int:
            return _bytes(client, "POST", path, data=form)

        _until(lambda: len(client.get("/data/runs").json()) == runs)
        yield Contestant(
            f"TensorBoard {version('tensorboard')}", f"{client.base_url}#timeseries", ask,
            note="at most 1,000 points of a series" if points > 1000 else "",
        )  # fmt: skip


@contextmanager
def mlflow(runs: int, points: int) -> Iterator[Contestant]:
    """MLflow's server with one worker on SQLite; its page of one metric of chosen runs."""
    python = venv.python("mlflow")
    kept = _filled("mlflow", runs, points, _filler("mlflow", python, runs, points))
    port = free_port()
    command = [
        str(python), "-m", "mlflow", "server", f"--backend-store-uri=sqlite:///{kept}/mlflow.db", f"--port={port}",
        "--host=127.0.0.1", "--workers=1",
    ]  # fmt: skip
    experiment, *ids = (kept / "runs.txt").read_text().split()
    with _server(command, port) as client:
        query = urlencode(
            [
                *(("run_ids", run) for run in ids[:100]),
                ("metric_key", TAG),
                ("max_results", min(points, 1000)),
            ]
        )

        def ask() -> int:
            return _bytes(client, "GET", f"/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?{query}")

        shown = {
            "runs": json.dumps(ids), "metric": json.dumps(TAG), "experiments": json.dumps([experiment]),
            "plot_metric_keys": json.dumps([TAG]), "plot_layout": '{"autosize":true}', "x_axis": "step",
        }  # fmt: skip
        yield Contestant(
            f"MLflow {venv.version('mlflow')}",
            f"{client.base_url}#/metric?{urlencode(shown, quote_via=quote)}",
            ask,
        )


@contextmanager
def aim(runs: int, points: int) -> Iterator[Contestant]:
    """Aim's explorer, with a query for one metric."""
    python = venv.python("aim")
    kept = _filled("aim", runs, points, _filler("aim", python, runs, points))
    port = free_port()
    command = [
        str(python.with_name("aim")),
        "up",
        f"--repo={kept}",
        f"--port={port}",
        "--host=127.0.0.1",
        "--yes",
    ]
    with _server(command, port) as client:
        query = f'metric.name == "{TAG}"'

        def ask() -> int:
            return _bytes(
                client,
                "GET",
                f"/api/runs/search/metric/?{urlencode({'q': query, 'p': min(points, 1000), 'report_progress': False})}",
            )

        select = {"options": [], "query": "", "advancedMode": True, "advancedQuery": query}
        packed = base64.b64encode(quote(json.dumps(select), safe="!#$&'()*+,/:;=?@-._~").encode()).decode()
        code = "O-" + packed.rstrip("=").replace("+", "-").replace("/", "_")
        yield Contestant(f"Aim {venv.version('aim')}", f"{client.base_url}metrics?select={code}", ask)


@contextmanager
def trackio(runs: int, points: int) -> Iterator[Contestant]:
    """Trackio's dashboard of a project: it loads every metric of every run."""
    python = venv.python("trackio")
    kept = _filled("trackio", runs, points, _filler("trackio", python, runs, points))
    port = free_port()
    show = (
        f"import trackio; trackio.show('compare', open_browser=False, block_thread=True, server_port={port})"
    )
    with _server([str(python), "-c", show], port, TRACKIO_DIR=str(kept)) as client:
        names = [{"run": curves.name(run)} for run in range(runs)]
        body = {"project": "compare", "max_points": 3000, "scalar_only": True}

        def ask() -> int:
            # It takes so many runs in one call.
            parts = [names[i : i + TRACKIO_RUNS] for i in range(0, runs, TRACKIO_RUNS)]
            return sum(
                _bytes(client, "POST", "/api/get_logs_batch", json={**body, "runs": part}) for part in parts
            )

        yield Contestant(
            f"Trackio {venv.version('trackio')}", f"{client.base_url}?project=compare", ask,
            note="its call brings every metric",
        )  # fmt: skip


def _filled(name: str, runs: int, points: int, fill: Callable[[Path], object]) -> Path:
    """The contestant's data, made once and kept beside the environments."""
    kept = venv.cache() / "compare-data" / f"{name}-{runs}x{points}"
    if not kept.exists():
        print(f"filling {kept}", file=sys.stderr)
        part = kept.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        fill(part)
        part.rename(kept)
    return kept


def _filler(name: str, python: Path, runs: int, points: int) -> Callable[[Path], object]:
    def fill(folder: Path) -> None:
        command = [str(python), str(PEERS / f"fill_{name}.py"), str(folder), str(runs), str(points)]
        env = os.environ | {"PYTHONPATH": str(PEERS.parent), "TRACKIO_DIR": str(folder)}
        subprocess.run(command, check=True, stdout=sys.stderr, env=env)

    return fill


def _link(source: str, target: str) -> None:
    """Event files are shared; a database is copied, for the server writes to it."""
    if "tfevents" in source:
        os.link(source, target)
    else:
        shutil.copy2(source, target)


@contextmanager
def _server(command: list[str], port: int, **more: str) -> Iterator[httpx.Client]:
    """A peer's server in a process group of its own, gone afterwards."""
    env = (
        environment(Path("/nonexistent"))
        | {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        | more
    )
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        with _client(f"http://127.0.0.1:{port}") as client:
            _until(lambda: _answers(client))
            yield client
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)


def _client(url: str) -> httpx.Client:
    return httpx.Client(base_url=f"{url}/", trust_env=False, timeout=300, headers={"Accept-Encoding": "gzip"})


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("").status_code < 500
    except httpx.TransportError:
        return False


def _until(probe: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SETTLE
    while not probe():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.2)


def _bytes(client: httpx.Client, method: str, path: str, **body: object) -> int:
    """Ask and read it all; the bytes that came over the wire."""
    with client.stream(method, path, **body) as answer:  # type: ignore[arg-type]
        answer.raise_for_status()
        for _ in answer.iter_raw():
            pass
        return answer.num_bytes_downloaded
