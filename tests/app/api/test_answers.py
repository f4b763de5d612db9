"""What is answered is what the OpenAPI document says; how many queries it takes; who may ask."""

from typing import Any

from pydantic import BaseModel
from rest import Rest, add_worker, refused
from served import serving
from sqlalchemy import event

from app import answers
from app.config import Settings
from app.runs.words import RunState


def fits(model: type[BaseModel], body: Any) -> None:
    """Every field is there, none more, of the right type."""
    parsed = model.model_validate(body)
    assert set(body) == {field.alias or name for name, field in model.model_fields.items()}, parsed


def test_answers_are_as_documented(rest: Rest) -> None:
    runs = [rest.submit(tags=["t"], env={"A": "b"}) for _ in RunState]
    for run, state in zip(runs, RunState, strict=True):
        rest.bring(run["id"], state)
        fits(answers.RunOut, rest.get(f"/runs/{run['id']}").json())
        for item in rest.get(f"/runs/{run['id']}/events").json()["items"]:
            fits(answers.EventOut, item)
    (rest.folder(runs[0]) / "a").write_text("x")
    for path, model in (
        ("/runs", answers.RunList),
        (f"/runs/{runs[0]['id']}/events", answers.EventList),
        (f"/runs/{runs[0]['id']}/files", answers.FileList),
        ("/experiments", answers.ExperimentList),
        ("/experiments/exp", answers.ExperimentOut),
        ("/recipes", answers.RecipeList),
        ("/recipes/rings", answers.RecipeOut),
        ("/workers", answers.WorkerList),
    ):
        fits(model, rest.get(path).json())


def test_lists_take_the_same_few_queries_however_long_they_are(rest: Rest) -> None:
    statements: list[str] = []
    event.listen(
        rest.served.db.engine, "before_cursor_execute", lambda *args: statements.append(args[2]), named=False
    )
    counts = {}
    for total in (3, 30):
        while len(rest.items(limit=500)) < total:
            run = rest.submit()
            rest.bring(run["id"], RunState.SUCCEEDED)
            rest.submit()
        for path in ("/runs", "/experiments", "/workers"):
            statements.clear()
            assert rest.get(path, **({} if path == "/workers" else {"limit": 500})).status_code == 200
            counts[path, total] = len([text for text in statements if text.startswith("SELECT")])
    for path, most in (("/runs", 6), ("/experiments", 2), ("/workers", 2)):
        assert counts[path, 3] == counts[path, 30] <= most, counts


def test_scopes_rights_and_keys_of_callers(settings: Settings) -> None:
    with serving(settings) as served:
        add_worker(served)
        served.add_user("ann")
        served.add_user("bob", submit_code=True)
        ann, bob = served.log_in("ann"), served.log_in("bob")
        body = {"experiment": "exp", "recipe": "free"}
        key = {"Idempotency-Key": "k"}
        first, second = (user.post("/api/v1/runs", json=body, headers=key) for user in (ann, bob))
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json()["id"] != second.json()["id"]
        assert (first.json()["owner"], second.json()["owner"]) == ("ann", "bob")
        shown = ann.get(f"/api/v1/runs/{first.json()['id']}").json()
        assert shown == first.json() | {key: shown[key] for key in ("position", "waiting_reason")}
        token = ann.post("/api/v1/tokens", json={"name": "laptop", "scope": "submit"}).json()["token"]
        script = served.client(authorization=f"Bearer {token}")
        assert script.post("/api/v1/runs", json=body).json()["owner"] == "ann"
        assert script.get("/api/v1/runs").json()["items"][0]["owner"] == "ann"
        replay = script.post("/api/v1/runs", json=body, headers=key)  # the same person, so the same key
        assert (replay.json()["id"], replay.headers["idempotent-replayed"]) == (first.json()["id"], "true")
        reader = ann.post("/api/v1/tokens", json={"name": "r", "scope": "read"}).json()["token"]
        refused(served.client(authorization=f"Bearer {reader}").post("/api/v1/runs", json=body), 403)
        with_env = body | {"env": {"CXX": "sh -c id"}}
        refused(ann.post("/api/v1/runs", json=with_env), 403)
        made = bob.post("/api/v1/runs", json=with_env)
        assert made.status_code == 201
        refused(ann.post(f"/api/v1/runs/{made.json()['id']}/clone", json={}), 403)
        refused(served.client().post("/api/v1/runs", json=body), 401)
        refused(
            served.client().post("/api/v1/runs", json=body, headers={"authorization": "Bearer danlu_x"}), 401
        )
