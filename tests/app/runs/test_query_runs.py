"""Queries on real runs: what SQL finds is what a plain reading in Python finds, on both databases."""

import random
from typing import Any

import pytest
from rest import Rest, refused

from app.clock import utcnow
from app.runs.words import RunState
from app.workers.queries import MetricSummary, write_metrics

PARAMS: list[dict[str, Any]] = [
    {"lr": 0.001, "optimizer": "adam", "layers": [64, 32], "amp": True, "odd name": 1},
    {"lr": 0.01, "optimizer": "AdamW", "amp": False, "note": None, 'quo"te': "x"},
    {"lr": 1, "optimizer": "sgd", "lr_text": "0.01", "50%": "under_score", "big": 10**18},
    {"optimizer": "sgd", "lr": "0.001", "val_acc": 3},
    {},
]
METRICS: list[dict[str, tuple[float, float | None, float | None]]] = [
    {"val_acc": (0.9, 0.1, 0.95), "loss/val": (0.2, 0.1, 2.0)},
    {"val_acc": (0.5, 0.5, 0.6), "loss.min": (7.0, 6.0, 8.0)},
    {"loss": (float("nan"), 0.3, 0.4)},
    {"loss": (0.31, 0.3, 0.4), "my loss": (float("inf"), None, None)},
    {},
]
TAGS = [["baseline", "a b"], ["bad"], ["Baseline"], [], ["bad", "baseline"]]
STATES = [RunState.SUCCEEDED, RunState.FAILED, RunState.RUNNING, RunState.QUEUED, RunState.CANCELLED]


@pytest.fixture
def ids(rest: Rest) -> list[int]:
    """Five different runs."""
    found = []
    for place, params in enumerate(PARAMS):
        run = rest.submit(
            params=params, tags=TAGS[place], name=f"Run {'abcde'[place]}", notes=["alpha", "Beta gamma", "", "50%", "a_b"][place],
            experiment="one" if place < 3 else "two", seed=place,
        )  # fmt: skip
        found.append(run["id"])
        rest.bring(run["id"], STATES[place])
        summaries = [
            MetricSummary(tag, 5, last, low, high, 1, 2, 6)
            for tag, (last, low, high) in METRICS[place].items()
        ]
        with rest.served.db.write() as session:
            write_metrics(session, run["id"], summaries, utcnow())
    return found


QUERIES = [
    ("state:running", "2"), ("state:queued,failed", "13"), ("-state:queued", "0124"), ("state!=queued", "0124"),
    ("state:*ed", "0134"), ("tag:baseline", "024"), ("-tag:bad", "023"), ('tag:"a b"', "0"), ("tag:*", "0124"), ("tag:b*d", "14"),
    ("lr:1e-3", "0"), ("lr<=0.01", "01"), ("lr>0.001", "12"), ("-lr>0.001", "034"), ("lr:*", "0123"), ("-lr:*", "4"),
    ("lr:0.001..0.01", "01"), ("lr:..0.001", "0"), ("lr!=0.01", "0234"), ('lr:"0.001"', "3"), ("lr:0.001,1", "023"),
    ("optimizer:adam", "0"), ("optimizer:adam*", "01"), ("optimizer=ADAMW", "1"), ("params.optimizer:sgd", "23"),
    ("layers:[64,32]", "0"), ("amp:true", "0"), ("amp:false", "1"), ("note:null", "1"), ("note:*", ""),
    ('"odd name":1', "0"), ('params."odd name">0', "0"), ('"quo\\"te":x', "1"), ('"50%":under_score', "2"),
    ('"50%":under*', "2"), ('"50%":underXscore', ""), ("big>1e17", "2"), ("big:1e18", "2"),
    ("val_acc>0.8", "03"), ("metrics.val_acc>0.8", "0"), ("params.val_acc:3", "3"), ("val_acc:*", "013"),
    ("metrics.loss/val.min<0.15", "0"), ("loss/val<0.15", ""), ("loss/val.max>=2", "0"), ("metrics.loss.min:0.3", "23"),
    ("metrics.loss.min>6.5", "1"), ("loss:nan", "2"), ('metrics."my loss":inf', "3"), ("-metrics.loss:nan", "0134"),
    ("metrics.loss.step:5", "23"),
    ("name:RUN", "01234"), ('name="run a"', "0"), ("name=run", ""), ("notes:gamma", "1"), ("notes:*", "01234"), ("50%", "3"), ("a_b", "4"),
    ("experiment:two", "34"), ("recipe:free", "01234"), ("seed>=3", "34"), ("seed:1..2", "12"), ("created<1h", "01234"),
    ("created>1h", ""), ("created:today..", "01234"), ("finished:*", "014"), ("-finished:*", "23"), ("duration<1h", "012"),
    ("-duration<1h", "34"), ("owner:*", ""), ("device:cpu", "012"), ("archived:false", "01234"), ("reason:exception", "1"),
    ("(lr:0.01 or tag:baseline) -state:succeeded", "124"), ("not (tag:bad or tag:baseline)", "3"),
    ("optimizer:sgd,adam", "023"), ("optimizer:sg*,ADAMW,4", "123"), ("optimizer!=sgd,adam", "14"), ("tag:bad,base*", "0124"),
    ("layers:[64,32]", "0"), ("amp:true,false", "01"), ("note:null,x", "1"), ("val_acc:0.9,3", "03"), ("state:running,fail*", "12"),
    ("notes:beta,alp", "01"), ("id:{0},{4}", "04"), ("run a", "014"), ('"run a"', "0"), ("beta or alpha", "01"), ("nothere:1", ""), ("-nothere:1", "01234"),
]  # fmt: skip
"""A query, and which of the five it finds; {0} is the id of the first."""


def test_queries_find_what_they_say(rest: Rest, ids: list[int]) -> None:
    wrong = {}
    for query, places in QUERIES:
        found = {
            run["id"] for run in rest.items(q=query.replace("{0}", str(ids[0])).replace("{4}", str(ids[4])))
        }
        if found != {ids[int(place)] for place in places}:
            wrong[query] = ("".join(str(ids.index(one)) for one in sorted(found)), places)
    assert wrong == {}


def test_the_answer_says_where_a_query_cannot_be_read(rest: Rest) -> None:
    for path in ("/runs", "/table"):
        answer = rest.get(path, q="state:running lr<fast")
        assert answer.status_code == 422
        body = answer.json()
        assert body["position"] == 17
        assert body["fields"]["q"].endswith("at column 18")
        assert "lr needs a number" in body["detail"]
    refused(rest.get("/table", experiment="nothere"), 404)


@pytest.mark.parametrize("field", ["lr", "optimizer", "params.lr", "metrics.loss", "state", "tag", "seed"])
def test_a_list_as_long_as_a_query_may_be_is_found(rest: Rest, ids: list[int], field: str) -> None:
    word = {"optimizer": "a", "state": "r*", "tag": "a"}.get(field, "1")
    most = (500 - len(field) - 1) // (len(word) + 1)
    found = [run["id"] for run in rest.items(q=f"{field}:{','.join([word] * most)}")]
    assert found == {"lr": [ids[2]], "params.lr": [ids[2]], "seed": [ids[1]], "state": [ids[2]]}.get(
        field, []
    )
    refused(rest.get("/table", q=f"{field}:{','.join([word] * most)} {'(' * 60}"), 422, "q")


def test_conditions_combine_as_sets_do(rest: Rest, ids: list[int]) -> None:
    """Random trees of terms: SQL's answer is what the sets of the single terms give."""
    chooser = random.Random(9)
    terms = ["lr<0.01", "tag:bad", "state:running", "val_acc>0.4", "note:null", "loss:nan", "beta", "recipe:nothere",
             "duration<1h", "owner:ada", "-optimizer:sgd", "metrics.loss.min<1"]  # fmt: skip
    every = set(ids)
    alone = {term: {run["id"] for run in rest.items(q=term)} for term in terms}

    def tree(depth: int) -> tuple[str, set[int]]:
        kind = chooser.choice(["term", "not", "both", "either"]) if depth else "term"
        if kind == "term":
            term = chooser.choice(terms)
            return term, alone[term]
        if kind == "not":
            text, found = tree(depth - 1)
            return f"-({text})", every - found
        sides = [tree(depth - 1) for _ in range(chooser.randint(2, 3))]
        texts = [f"({text})" for text, _ in sides]
        sets = [found for _, found in sides]
        if kind == "both":
            return " ".join(texts), set.intersection(*sets)
        return " or ".join(texts), set.union(*sets)

    for _ in range(60):
        query, expected = tree(3)
        if len(query) <= 500:
            assert {run["id"] for run in rest.items(q=query)} == expected, query


def test_archived_runs_are_listed_when_they_are_asked_for(rest: Rest, ids: list[int]) -> None:
    from app.models import Run

    with rest.served.db.write() as session:
        session.get_one(Run, ids[1]).archived_at = utcnow()
    assert {run["id"] for run in rest.items()} == set(ids) - {ids[1]}
    assert {run["id"] for run in rest.items(archived=True)} == set(ids)
    assert {run["id"] for run in rest.items(q="archived:true")} == {ids[1]}
    assert {run["id"] for run in rest.items(q="-archived:false or seed:0")} == {ids[0], ids[1]}
    assert rest.get("/table").json()["columns"]["id"] == sorted(set(ids) - {ids[1]}, reverse=True)
    assert rest.get("/table", archived=True).json()["total"] == 5
