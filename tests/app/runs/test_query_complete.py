"""Completion of queries: the piece at the cursor, and what there is to put in its place."""

import pytest
from rest import Rest

from app.clock import utcnow
from app.runs.listing.complete import place_at
from app.workers.queries import MetricSummary, write_metrics


@pytest.mark.parametrize(
    ("query", "at", "piece"),
    [
        ("", 0, (0, 0, "", None)),
        ("sta", 3, (0, 3, "sta", None)),
        ("a sta b", 4, (2, 5, "st", None)),
        ("state:", 6, (6, 6, "", "state")),
        ("state:run lr", 9, (6, 9, "run", "state")),
        ("-tag:ba", 7, (5, 7, "ba", "tag")),
        ("(tag:ba)", 7, (5, 7, "ba", "tag")),
        ("state:running,fa", 16, (14, 16, "fa", "state")),
        ('"my lo', 6, (0, 6, "my lo", None)),
        ('params."a:b":x', 14, (13, 14, "x", "params.a:b")),
        ('tag:"two w" x', 10, (4, 11, "two w", "tag")),
        ("lr<=0.", 6, (4, 6, "0.", "lr")),
        ("-", 1, (0, 1, "-", None)),
    ],
)
def test_the_piece_at_the_cursor(query: str, at: int, piece: tuple[int, int, str, str | None]) -> None:
    place = place_at(query, at)
    assert (place.start, place.end, place.typed, place.field) == piece


def test_suggestions_are_what_there_is(rest: Rest) -> None:
    run = rest.submit(
        params={"lr": 0.01, "two words": "x y", "optimizer": "adam"}, tags=["baseline"], experiment="one"
    )
    rest.submit(params={"lr": 0.5, "optimizer": "sgd"}, experiment="one")
    rest.submit(params={"other": 1}, experiment="two")
    with rest.served.db.write() as session:
        summary = MetricSummary("loss/val", 5, 0.1, 0.1, 0.1, 5, 5, 6)
        write_metrics(session, run["id"], [summary], utcnow())

    def texts(q: str, **more: str) -> list[str]:
        answer = rest.get("/query/complete", q=q, **more)
        assert answer.status_code == 200, answer.text
        return [item["text"] for item in answer.json()["items"]]

    assert texts("stat") == ["state:"]
    assert texts("state:f") == ["failed"] + [word for word in texts("state:f") if word != "failed"]
    assert texts("lr:", experiment="one") == ["0.01", "0.5"]
    assert texts("optimizer:a") == ["adam"]
    assert texts("va")[0] == "loss/val"
    assert '"two words":' in texts("two")
    assert texts('"two words":') == ['"x y"']
    assert texts("tag:b") == ["baseline"]
    assert "other:" in texts("oth")
    assert texts("oth", experiment="one") == []
    assert texts("recipe:") == ["free"]
    assert texts("nothere:") == []
    assert rest.get("/query/complete", q="x", at=99).json()["start"] == 0


def test_a_tag_behind_thousands_of_others_is_suggested(rest: Rest) -> None:
    run = rest.submit()
    summaries = [
        MetricSummary(tag, 5, 0.1, 0.1, 0.1, 5, 5, 6)
        for tag in [*(f"a{number}" for number in range(2_100)), "zz/LOSS", "zz/Ä"]
    ]
    with rest.served.db.write() as session:
        write_metrics(session, run["id"], summaries, utcnow())
    for typed, found in (("zz/l", "zz/LOSS"), ("loss", "zz/LOSS"), ("", "a0"), ("a2099", "a2099")):
        items = rest.get("/query/complete", q=typed).json()["items"]
        assert found in [item["label"] for item in items], typed
