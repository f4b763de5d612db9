"""POST /runs: what is stored, what is refused, and that a repeated request makes nothing twice."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from rest import Rest, refused

from app.runs.words import RunState


def test_a_run_is_stored_whole_with_defaults(rest: Rest) -> None:
    answer = rest.post(
        "/runs",
        {
            "experiment": "Two Rings", "recipe": "rings", "params": {"lr": 0.5, "epochs": 3.0}, "name": " first ",
            "device": "cpu", "seed": 2**32 - 1, "priority": -100, "tags": ["a", "b", "a"], "notes": "x\ny",
            "max_retries": 2, "processes": 64, "timeout_s": 60,
        },
    )  # fmt: skip
    assert answer.status_code == 201
    run = answer.json()
    assert answer.headers["location"] == f"/api/v1/runs/{run['id']}"
    assert run["params"] == {"lr": 0.5, "epochs": 3, "optimizer": "adam", "note": None}
    assert (run["experiment"], run["experiment_name"], run["slug"]) == (
        "two-rings",
        "Two Rings",
        f"first-{run['id']}",
    )
    assert (run["state"], run["position"], run["attempt"], run["tags"]) == ("queued", 1, 0, ["a", "b"])
    assert run["processes"] == 64
    assert run["created_at"].endswith("Z")
    assert rest.get(f"/runs/{run['id']}").json() == run


def test_what_is_left_out_has_defaults(rest: Rest) -> None:
    run = rest.submit(recipe="rings")
    assert (run["name"], run["device"], run["priority"], run["notes"]) == ("rings", "auto", 0, "")
    assert run["processes"] == 1
    assert 0 <= run["seed"] < 2**32
    assert rest.submit(recipe="rings")["experiment"] == run["experiment"] == "exp"
    assert len(rest.get("/experiments").json()["items"]) == 1


BAD_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"experiment": ""}, "experiment"),
    ({"experiment": "  "}, "experiment"),
    ({"experiment": "x" * 201}, "experiment"),
    ({"experiment": "a\nb"}, "experiment"),
    ({"experiment": 5}, "experiment"),
    ({"recipe": None}, "recipe"),
    ({"name": "x" * 201}, "name"),
    ({"name": "\u202egnp"}, "name"),
    ({"name": "\ufefftop"}, "name"),
    ({"device": "gpu"}, "device"),
    ({"device": "cuda:01"}, "device"),
    ({"device": "cuda:-1"}, "device"),
    ({"device": "cpu\n"}, "device"),
    ({"seed": -1}, "seed"),
    ({"seed": 2**32}, "seed"),
    ({"seed": True}, "seed"),
    ({"seed": "7"}, "seed"),
    ({"seed": 1.5}, "seed"),
    ({"priority": 101}, "priority"),
    ({"priority": -101}, "priority"),
    ({"tags": ["x"] * 33}, "tags"),
    ({"tags": "a"}, "tags"),
    ({"tags": [""]}, "tags.0"),
    ({"tags": ["ok", "y" * 65]}, "tags.1"),
    ({"notes": "n" * 20_001}, "notes"),
    ({"max_retries": -1}, "max_retries"),
    ({"processes": 0}, "processes"),
    ({"processes": 65}, "processes"),
    ({"processes": True}, "processes"),
    ({"processes": "2"}, "processes"),
    ({"processes": 2.5}, "processes"),
    ({"processes": None}, "processes"),
    ({"timeout_s": 0}, "timeout_s"),
    ({"timeout_s": True}, "timeout_s"),
    ({"parent": 0}, "parent"),
    ({"parent": 999}, "parent"),
    ({"env": {"DANLU_TOKEN": "x"}}, "env"),
    ({"env": {"a b": "x"}}, "env"),
    ({"env": {"A": 1}}, "env.A"),
    ({"params": []}, "params"),
    ({"params": {f"k{n}": 1 for n in range(201)}}, "params"),
    ({"params": {"long": "x" * 66_000}}, "params"),
    ({"params": {"": 1}}, "params"),
    ({"params": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": 1}}}}}}}}}}, "params.a.b.c.d.e.f.g.h"),
    ({"surprise": 1}, "surprise"),
    ({"state": "succeeded"}, "state"),
]


def test_each_wrong_field_is_refused_by_its_name(rest: Rest) -> None:
    for bad, name in BAD_FIELDS:
        refused(rest.post("/runs", {"experiment": "exp", "recipe": "free", **bad}), 422, name)
    assert rest.items() == []
    number = refused(rest.post("/runs", {"experiment": "exp", "recipe": "free", "processes": 65}), 422)
    assert number["fields"]["processes"] == "Must be from 1 to 64"
    schema = rest.get("/openapi.json").json()["components"]["schemas"]["RunCreate"]["properties"]["processes"]
    assert (schema["type"], schema["minimum"], schema["maximum"], schema["default"]) == ("integer", 1, 64, 1)


BAD_PARAMS: list[tuple[dict[str, Any], str, str]] = [
    ({"lr": 0}, "params.lr", "greater than 0 and at most 1; got 0"),
    ({"lr": True}, "params.lr", "must be a number"),
    ({"lr": "0.1"}, "params.lr", "must be a number"),
    ({"lr": None}, "params.lr", "must be a number"),
    ({"epochs": 1.5}, "params.epochs", "must be an integer at least 1"),
    ({"epochs": 0}, "params.epochs", "at least 1"),
    ({"optimizer": "adan"}, "params.optimizer", 'must be one of ["sgd", "adam"]'),
    ({"note": "x" * 21}, "params.note", "at most 20 characters, or null"),
    ({"momentum": 0.9}, "params.momentum", "it has epochs, lr, note, optimizer"),
]


def test_params_are_checked_against_the_recipe(rest: Rest) -> None:
    for params, name, words in BAD_PARAMS:
        body = refused(
            rest.post("/runs", {"experiment": "exp", "recipe": "rings", "params": params}), 422, name
        )
        assert words in body["fields"][name], body
    everything = {"lr": 2, "epochs": -1, "zeta": 1}
    body = refused(rest.post("/runs", {"experiment": "e", "recipe": "rings", "params": everything}), 422)
    assert set(body["fields"]) == {"params.lr", "params.epochs", "params.zeta"}
    assert rest.get("/experiments").json()["items"] == []


def test_unknown_and_broken_recipes_are_refused_with_a_remedy(rest: Rest) -> None:
    close = refused(rest.post("/runs", {"experiment": "exp", "recipe": "ring"}), 422, "recipe")
    assert "did you mean rings" in close["detail"]
    broken = refused(rest.post("/runs", {"experiment": "exp", "recipe": "broken"}), 422, "recipe")
    assert "SyntaxError" in broken["fields"]["recipe"]
    refused(rest.get("/recipes/ring"), 404)
    refused(rest.get("/recipes/%00"), 404)


POISON = [
    (b'{"experiment":"e","recipe":"free","params":{"lr":Infinity}}', {400}),
    (b'{"experiment":"e","recipe":"free","params":{"lr":NaN}}', {400}),
    (b'{"experiment":"e","recipe":"free","params":{"lr":1e999}}', {422}),
    (b'{"experiment":"e","recipe":"free","params":{"n":9223372036854775808}}', {422}),
    (b'{"experiment":"e","recipe":"free","params":{"n":-9223372036854775809}}', {422}),
    (b'{"experiment":"e","recipe":"free","parent":9223372036854775808}', {422}),
    (b'{"experiment":"e","recipe":"free","seed":1e30}', {422}),
    (rb'{"experiment":"\ud800","recipe":"free"}', {422}),
    (rb'{"experiment":"e","recipe":"free","notes":"\udfff"}', {422}),
    (rb'{"experiment":"e","recipe":"free","params":{"a":"\u0000"}}', {422}),
    (rb'{"experiment":"e","recipe":"free","tags":["\u0000"]}', {422}),
    (rb'{"experiment":"e","recipe":"\u0000"}', {422}),
    (b'{"experiment":"e","recipe":"free","name":"\xff"}', {400}),
    (b'\xef\xbb\xbf{"experiment":"e","recipe":"free"}', {400}),
    (b'{"experiment":"e","recipe":"free","seed":1,"seed":2}', {422}),
    (b'{"experiment":"e","recipe":"free","params":' + b"[" * 100_000, {400}),
    (b'{"experiment":"e","recipe":"free","params":{"n":' + b"9" * 5_000 + b"}}", {422}),
    (b'{"experiment":"e","recipe":"free","notes":"' + b"x" * 2_000_000 + b'"}', {413}),
    (b'{"experiment":"e","recipe":"free","notes":"' + b"x" * 1_000_000 + b'"}', {422}),
    (b"{}", {422}),
    (b"[]", {422}),
    (b"null", {422}),
    (b"", {422}),
]


def test_poison_is_refused_and_leaves_nothing(rest: Rest) -> None:
    good = rest.submit()
    for body, statuses in POISON:
        answer = rest.http.post("/api/v1/runs", content=body, headers={"content-type": "application/json"})
        assert answer.status_code in statuses, (body[:80], answer.status_code, answer.text[:300])
        refused(answer, answer.status_code)
    assert [run["id"] for run in rest.items()] == [good["id"]]
    assert [item["slug"] for item in rest.get("/experiments").json()["items"]] == ["exp"]


def test_ids_beyond_64_bits_are_refused(rest: Rest) -> None:
    for run_id in (0, -1, 2**63, 10**20, "x", "1e30"):
        refused(rest.get(f"/runs/{run_id}"), 422)
    refused(rest.get(f"/runs/{2**63 - 1}"), 404)


def test_the_same_key_makes_one_run_however_many_ask_at_once(rest: Rest) -> None:
    body = {"experiment": "fresh", "recipe": "rings", "params": {"lr": 0.1}}
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: rest.post("/runs", body, **{"Idempotency-Key": "k-1"}), range(20)))
    assert [answer.status_code for answer in answers] == [201] * 20, {answer.text for answer in answers}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert len(rest.items()) == 1
    assert len(rest.get("/experiments").json()["items"]) == 1


def test_a_key_belongs_to_one_body(rest: Rest) -> None:
    body = {"experiment": "exp", "recipe": "rings"}
    first = rest.post("/runs", body, **{"Idempotency-Key": "k"})
    again = rest.post("/runs", body, **{"Idempotency-Key": "k"})
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()
    refused(rest.post("/runs", body | {"seed": 1}, **{"Idempotency-Key": "k"}), 422, "Idempotency-Key")
    for key in ("", "a b", "x" * 256):
        refused(rest.post("/runs", body, **{"Idempotency-Key": key}), 422, "Idempotency-Key")
    assert len(rest.items()) == 1


def test_a_deleted_run_does_not_answer_for_its_key(rest: Rest) -> None:
    body = {"experiment": "exp", "recipe": "rings"}
    first = rest.post("/runs", body, **{"Idempotency-Key": "k"}).json()
    rest.bring(first["id"], RunState.CANCELLED)
    assert rest.http.delete(f"/api/v1/runs/{first['id']}").status_code == 204
    second = rest.post("/runs", body, **{"Idempotency-Key": "k"})
    assert second.status_code == 201
    assert second.json()["id"] > first["id"]


def test_many_submissions_at_once_all_arrive(rest: Rest) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(
            pool.map(lambda n: rest.post("/runs", {"experiment": f"e{n % 4}", "recipe": "free"}), range(80))
        )
    assert {answer.status_code for answer in answers} == {201}
    assert len(rest.items(limit=500)) == 80
    assert len(rest.get("/experiments").json()["items"]) == 4


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_only_json_is_taken(rest: Rest, content_type: str) -> None:
    body = json.dumps({"experiment": "e", "recipe": "free"})
    refused(rest.http.post("/api/v1/runs", content=body, headers={"content-type": content_type}), 415)
