"""Health, figures, workers, recipes, and the documentation of it all."""

import re

from rest import Rest, add_worker, refused
from served import serving

from app.config import Settings
from app.runs.words import RunState


def test_healthz_and_readyz_without_a_login(settings: Settings) -> None:
    with serving(settings) as served:
        http = served.client()
        assert http.get("/healthz").json() == {"status": "ok"}
        missing = http.get("/readyz")
        assert missing.status_code == 503
        assert "no worker" in missing.json()["detail"]
        assert missing.json()["error"] == "unavailable"
        assert missing.headers["retry-after"]
        add_worker(served)
        assert http.get("/readyz").status_code == 200
        for path in (
            "/metrics/prometheus",
            "/api/v1/runs",
            "/api/v1/experiments",
            "/api/v1/openapi.json",
            "/api/v1/workers",
        ):
            refused(http.get(path), 401)


def test_a_worker_that_is_not_heard_of_does_not_count(settings: Settings) -> None:
    with serving(settings) as served:
        add_worker(served, age_s=settings.lease_seconds + 1)
        assert served.client().get("/readyz").status_code == 503


def test_prometheus_counts(rest: Rest) -> None:
    run = rest.submit(experiment='q"uo\\te')
    rest.submit()
    rest.bring(run["id"], RunState.RUNNING)
    answer = rest.http.get("/metrics/prometheus")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    for line in (
        'danlu_runs{state="queued"} 1', 'danlu_runs{state="running"} 1', 'danlu_runs{state="failed"} 0',
        "danlu_experiments 2", 'danlu_workers{state="up"} 1', 'danlu_slots{device="cpu"} 1', "danlu_disk_low 0",
    ):  # fmt: skip
        assert line in lines
    form = re.compile(r'# (HELP|TYPE) .+|[a-z_]+(\{([a-z]+="[^"]*",?)*\})? [0-9.e+-]+')
    assert all(form.fullmatch(line) for line in lines)
    assert 'danlu_http_requests_total{method="POST",route="/api/v1/runs",status="201"} 2' in lines


def test_workers_and_recipes(rest: Rest) -> None:
    run = rest.submit()
    rest.bring(run["id"], RunState.RUNNING)
    (worker,) = rest.get("/workers").json()["items"]
    assert (worker["name"], worker["live"], worker["devices"][0]["device"]) == ("w1", True, "cpu")
    assert worker["runs"] == [{"id": run["id"], "name": "free", "device": "cpu"}]
    recipes = rest.get("/recipes").json()["items"]
    assert [recipe["name"] for recipe in recipes] == ["broken", "free", "rings"]
    assert recipes[0]["error"] == "SyntaxError: line 3"
    one = rest.get("/recipes/rings").json()
    assert one == recipes[2]
    assert one["schema"]["properties"]["lr"]["maximum"] == 1


def test_openapi_lists_the_contract(rest: Rest) -> None:
    document = rest.get("/openapi.json").json()
    calls = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    contract = """
        POST /api/v1/experiments|GET /api/v1/experiments|GET /api/v1/experiments/{slug}|PATCH /api/v1/experiments/{slug}
        DELETE /api/v1/experiments/{slug}|GET /api/v1/recipes|GET /api/v1/recipes/{name}|POST /api/v1/runs|GET /api/v1/runs
        GET /api/v1/runs/{run_id}|PATCH /api/v1/runs/{run_id}|DELETE /api/v1/runs/{run_id}|POST /api/v1/runs/{run_id}/cancel
        POST /api/v1/runs/{run_id}/retry|POST /api/v1/runs/{run_id}/clone|GET /api/v1/runs/{run_id}/log
        GET /api/v1/runs/{run_id}/events|GET /api/v1/runs/{run_id}/files|GET /api/v1/runs/{run_id}/files/{path}
        GET /api/v1/metrics|GET /api/v1/tensorboards|POST /api/v1/experiments/{slug}/tensorboard
        DELETE /api/v1/experiments/{slug}/tensorboard|GET /api/v1/stream|GET /api/v1/workers|GET /api/v1/me
        POST /api/v1/tokens|GET /api/v1/tokens|GET /healthz|GET /readyz|GET /metrics/prometheus
    """
    wanted = {call.strip() for call in contract.replace("\n", "|").split("|") if call.strip()}
    assert wanted - calls == set()
    assert "Error" in document["components"]["schemas"]


def test_the_docs_page_shows_every_call_and_runs_nothing(rest: Rest) -> None:
    page = rest.http.get("/api/docs", headers={"accept": "text/html"})
    assert page.status_code == 200, page.text
    for path in rest.get("/openapi.json").json()["paths"]:
        assert f" {path}</code>" in page.text
    assert "<script>" not in page.text
    assert " style=" not in page.text
    assert "https://cdn" not in page.text


def test_what_is_not_there_is_a_json_404(rest: Rest) -> None:
    refused(rest.get("/nothing"), 404)
    refused(rest.http.put("/api/v1/runs"), 405)
    refused(rest.get("/runs/"), 404)
