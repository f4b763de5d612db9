import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.scripted_server import Answer, Asked, in_turn, scripted

import danlu.client.series
import danlu.rest
from danlu.client import ApiError, Client, RunFailed, UnreachableError
from danlu.profile import Profile, ProfileError, load_profile, save_profile

RUN = {"id": 7, "state": "queued"}


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(danlu.rest, "FIRST_DELAY", 0.001)


def test_submit_sends_only_what_was_given_and_a_fresh_key_each_time() -> None:
    with scripted(in_turn(Answer(201, RUN))) as server, Client(server.url, "danlu_x") as client:
        run = client.submit("demo", "rings", {"lr": 0.1}, name="a", seed=None, tags=["t"])
        assert (run.id, run.state, run.data) == (7, "queued", RUN)
        client.submit("demo", "rings")
    first, second = server.asked
    assert (first.method, first.path) == ("POST", "/api/v1/runs")
    assert first.body == {
        "experiment": "demo",
        "recipe": "rings",
        "params": {"lr": 0.1},
        "name": "a",
        "tags": ["t"],
    }
    assert first.headers["Authorization"] == "Bearer danlu_x"
    assert first.headers["Idempotency-Key"] != second.headers["Idempotency-Key"]


@pytest.mark.parametrize(
    "trouble", [Answer(drop=True), Answer(503, None, {"Retry-After": "0"}), Answer(502, b"bad")]
)
def test_a_submit_is_repeated_with_the_same_key(trouble: Answer) -> None:
    with scripted(in_turn(trouble, trouble, Answer(201, RUN))) as server, Client(server.url, "x") as client:
        assert client.submit("demo", "rings").data == RUN
    assert len({asked.headers["Idempotency-Key"] for asked in server.asked}) == 1
    assert len(server.asked) == 3


def test_repeating_ends_and_the_last_refusal_is_told() -> None:
    refusal = Answer(503, {"error": "unavailable", "detail": "The database is busy."}, {"Retry-After": "0"})
    with (
        scripted(in_turn(refusal)) as server,
        Client(server.url, "x") as client,
        pytest.raises(ApiError, match="The database is busy") as caught,
    ):
        client.me()
    assert (caught.value.status, caught.value.code) == (503, "unavailable")
    assert len(server.asked) == danlu.rest.RETRIES + 1


def test_a_refusal_names_its_fields_and_is_not_repeated() -> None:
    body = {"error": "invalid", "detail": "Wrong: lr.", "fields": {"params.lr": "must be at most 1"}}
    with (
        scripted(in_turn(Answer(422, body))) as server,
        Client(server.url, "x") as client,
        pytest.raises(ApiError) as caught,
    ):
        client.submit("demo", "rings", {"lr": 2})
    assert caught.value.fields == {"params.lr": "must be at most 1"}
    assert str(caught.value) == "Wrong: lr. · params.lr: must be at most 1"
    assert len(server.asked) == 1


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"error": 3}', b"\xff"])
def test_an_error_of_another_form_is_an_api_error_too(body: bytes) -> None:
    with (
        scripted(in_turn(Answer(404, body))) as server,
        Client(server.url, "x") as client,
        pytest.raises(ApiError, match="404"),
    ):
        client.run(1)


def test_something_else_on_the_port_is_named() -> None:
    with (
        scripted(in_turn(Answer(200, b"<html>hello"))) as server,
        Client(server.url, "x") as client,
        pytest.raises(ApiError, match="no Danlu server"),
    ):
        client.me()


def test_nobody_there_is_unreachable_with_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with Client(url, "x") as client, pytest.raises(UnreachableError, match=url):
        client.run(1)


@pytest.mark.parametrize("url", ["ftp://x", "http://", "localhost:8000", "http://[::1", "http://x:99999999"])
def test_a_bad_address_is_an_api_error(url: str) -> None:
    with pytest.raises(ApiError) as caught, Client(url, "x") as client:
        client.run(1)
    assert caught.value.status == 0


@pytest.mark.parametrize("token", ["dänlu", "a\nb", "a\x00"])
def test_a_token_that_no_header_can_carry_is_refused(token: str) -> None:
    with pytest.raises(ApiError, match="token"):
        Client("http://127.0.0.1:1", token)


def pages(asked: Asked) -> Answer:
    at = int(asked.query.get("cursor", ["0"])[0])
    limit = int(asked.query["limit"][0])
    items = [{"id": number} for number in range(at, min(at + min(limit, 2), 5))]
    return Answer(200, {"items": items, "next": str(at + len(items)) if at + len(items) < 5 else None})


@pytest.mark.parametrize(("limit", "expected"), [(None, 5), (3, 3), (99, 5), (0, 0)])
def test_lists_go_through_the_pages(limit: int | None, expected: int) -> None:
    with scripted(pages) as server, Client(server.url, "x") as client:
        found = list(client.runs(limit=limit, state="queued", tag=None))
    assert [run.id for run in found] == list(range(expected))
    assert all(asked.query["state"] == ["queued"] and "tag" not in asked.query for asked in server.asked)


def test_wait_ends_with_the_run_and_survives_a_restart_of_the_server() -> None:
    seen: list[str] = []
    answers = (
        Answer(200, RUN),
        Answer(200, RUN),
        *[Answer(drop=True)] * 6,
        Answer(200, {**RUN, "state": "succeeded"}),
    )
    with scripted(in_turn(*answers)) as server, Client(server.url, "x") as client:
        run = client.run(7).wait(poll=0.001, on_update=lambda run: seen.append(run.state))
    assert run.state == "succeeded"
    assert seen == ["queued", "succeeded"]


def test_wait_gives_up_in_time() -> None:
    with (
        scripted(in_turn(Answer(200, RUN))) as server,
        Client(server.url, "x") as client,
        pytest.raises(TimeoutError, match="run 7"),
    ):
        client.run(7).wait(timeout=0.01, poll=0.001)


@pytest.mark.parametrize(("state", "said"), [("failed", "exception: no good"), ("cancelled", "cancelled")])
def test_wait_raises_for_a_run_that_failed_when_it_is_asked_to(state: str, said: str) -> None:
    ended = {**RUN, "name": "first", "state": state}
    if state == "failed":
        ended |= {"reason": "exception", "detail": "no good"}
    with scripted(in_turn(Answer(200, ended))) as server, Client(server.url, "x") as client:
        run = client.run(7).wait()
        assert run.state == state
        with pytest.raises(RunFailed, match=said) as caught:
            run.wait(check=True)
    assert caught.value.run is run


def log_of(text: bytes, piece: int) -> Callable[[Asked], Answer]:
    """A log that is complete when the run is asked for the third time."""
    looks = 0

    def answer(asked: Asked) -> Answer:
        nonlocal looks
        if not asked.path.endswith("/log"):
            looks += 1
            return Answer(200, {**RUN, "state": "succeeded" if looks > 2 else "running"})
        offset = int(asked.query["offset"][0])
        data = text[: len(text) if looks > 2 else 5][offset : offset + piece]
        return Answer(200, data, {"X-Next-Offset": str(offset + len(data))})

    return answer


TEXT = "损失 0.5 → 0.1\n" * 3


def test_a_followed_log_is_whole_whatever_the_pieces_cut() -> None:
    with scripted(log_of(TEXT.encode(), 4)) as server, Client(server.url, "x") as client:
        pieces = list(client.run(7).log_pieces(poll=0.001))
    assert "".join(piece.text for piece in pieces) == TEXT
    assert pieces[-1].offset == len(TEXT.encode())


def test_a_log_goes_on_at_any_offset_that_was_told() -> None:
    with scripted(log_of(TEXT.encode(), 4)) as server, Client(server.url, "x") as client:
        run = client.run(7)
        pieces = list(run.log_pieces(poll=0.001))
        for number, piece in enumerate(pieces):
            rest = "".join(text for text, _ in run.log_pieces(piece.offset))
            assert "".join(text for text, _ in pieces[: number + 1]) + rest == TEXT


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a\nb\n", ["a", "b"]),
        ("a\r\n\nb", ["a", "", "b"]),
        ("", []),
        ("1%\r2%\n", ["1%\r2%"]),
        ("ü\u2028\n", ["ü\u2028"]),
    ],
)
def test_lines_end_where_the_output_ended_them(text: str, lines: list[str]) -> None:
    with scripted(log_of(text.encode(), 2)) as server, Client(server.url, "x") as client:
        assert list(client.run(7).stream_logs(poll=0.001)) == lines


# What a lost answer leaves behind.


def test_a_cancel_whose_answer_was_lost_is_no_error() -> None:
    def answer(asked: Asked) -> Answer:
        if asked.method == "GET":
            return Answer(200, {**RUN, "state": "cancelled" if len(server.asked) > 2 else "queued"})
        if len(server.asked) == 2:
            return Answer(drop=True)
        return Answer(409, {"error": "conflict", "detail": "Run 7 has ended."})

    with scripted(answer) as server, Client(server.url, "x") as client:
        run = client.run(7).cancel()
        assert run.state == "cancelled"
        with pytest.raises(ApiError, match="has ended"):
            run.cancel()


def test_a_delete_whose_answer_was_lost_is_no_error() -> None:
    gone = Answer(404, {"error": "not_found", "detail": "There is no such run."})
    with (
        scripted(in_turn(Answer(200, RUN), Answer(drop=True), gone)) as server,
        Client(server.url, "x") as client,
    ):
        run = client.run(7)
        run.delete()
        with pytest.raises(ApiError, match="no such run"):
            run.delete()


def test_an_experiment_whose_answer_was_lost_is_found() -> None:
    made = {"slug": "two-rings", "name": "Two rings", "description": "", "runs": 0}

    def answer(asked: Asked) -> Answer:
        if asked.method == "GET":
            return Answer(200, {"items": [{**made, "name": "Two rings more"}, made], "next": None})
        return (
            Answer(drop=True)
            if len(server.asked) == 1
            else Answer(409, {"error": "conflict", "detail": "There is one."})
        )

    with scripted(answer) as server, Client(server.url, "x") as client:
        assert client.create_experiment("Two rings").slug == "two-rings"
        with pytest.raises(ApiError, match="There is one"):
            client.create_experiment("Two rings")


def test_a_token_is_not_made_twice() -> None:
    with scripted(in_turn(Answer(drop=True))) as server, Client(server.url, "x") as client:
        with pytest.raises(UnreachableError):
            client.create_token("laptop")
        assert len(server.asked) == 1


def test_what_the_server_put_off_is_sent_again_whatever_it_is() -> None:
    busy = Answer(
        503, {"error": "unavailable", "detail": "x"}, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}
    )
    with (
        scripted(in_turn(busy, busy, Answer(201, {"id": 1, "token": "danlu_y"}))) as server,
        Client(server.url, "x") as client,
    ):
        assert client.create_token("laptop").token == "danlu_y"
        assert len(server.asked) == 3


# Curves.


def test_metrics_ask_for_all_runs_and_tags_in_one_call() -> None:
    with scripted(in_turn(Answer(200, {"series": []}))) as server, Client(server.url, "x") as client:
        assert client.metrics([1, 2], ["loss/train"], points=0) == []
        assert client.metrics([1], []) == []
    assert [asked.query for asked in server.asked] == [
        {"run": ["1", "2"], "tag": ["loss/train"], "points": ["0"], "x": ["step"]}
    ]


def test_more_runs_than_one_call_takes_come_in_several() -> None:
    with scripted(in_turn(Answer(200, {"series": []}))) as server, Client(server.url, "x") as client:
        client.metrics(range(450))
    assert [len(asked.query["run"]) for asked in server.asked] == [200, 200, 50]


def curve(*steps: int) -> dict[str, object]:
    numbers = list(steps)
    return {
        "run": 7, "tag": "loss", "x": numbers, "y": numbers, "step": numbers, "wall": numbers, "nonfinite": [],
        "total": len(numbers), "sampled": False,
    }  # fmt: skip


def test_curves_are_as_long_as_the_run_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(danlu.client.series, "_AGAIN", 0.001)
    ended = {**RUN, "state": "succeeded", "metrics": {"loss": {"last": 9, "step": 9}}}
    answers = ([], [curve(1)], [curve(1, 9)])
    with (
        scripted(
            in_turn(Answer(200, ended), *(Answer(200, {"series": found}) for found in answers))
        ) as server,
        Client(server.url, "x") as client,
    ):
        run = client.run(7)
        assert run.metrics("loss").step.tolist() == [1, 9]
        assert client.metrics([run])[0].step.tolist() == [1, 9]
    assert len(server.asked) == 5


def test_curves_that_stay_short_are_given_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(danlu.client.series, "LAG", 0.01)
    ended = {**RUN, "metrics": {"loss": {"last": 9, "step": 9}}}
    with (
        scripted(in_turn(Answer(200, ended), Answer(200, {"series": [curve(1)]}))) as server,
        Client(server.url, "x") as client,
    ):
        assert client.run(7).metrics()["loss"].step.tolist() == [1]


def test_what_is_a_list_is_not_taken_for_a_string() -> None:
    with Client("http://127.0.0.1:1", "x") as client:
        with pytest.raises(TypeError, match=r"\['loss'\]"):
            client.metrics([1], "loss")
        with pytest.raises(TypeError, match=r"args is a list"):
            client.submit("demo", snapshot="0" * 64, args="--lr 0.1")


# Where the client finds its server.


def test_the_environment_wins_over_the_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_profile(home, url="http://a.example", token="danlu_a")
    assert load_profile(home) == Profile("http://a.example", "danlu_a")
    monkeypatch.setenv("DANLU_TOKEN", "danlu_env")
    assert load_profile(home).token == "danlu_env"


def test_a_stored_token_goes_to_its_own_server_only(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_profile(home, url="http://a.example", token="danlu_a")
    monkeypatch.setenv("DANLU_URL", "http://b.example")
    assert load_profile(home) == Profile("http://b.example", None)
    monkeypatch.delenv("DANLU_URL")
    assert load_profile(home).over("http://b.example", None).token is None
    assert load_profile(home).over("http://a.example/", None).token == "danlu_a"


def test_the_server_on_the_home_is_found(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_profile(home) == Profile("http://127.0.0.1:8000", None, local=True)
    (home / "danlu.toml").write_text('port = 9001\nhost = "0.0.0.0"\n')
    assert load_profile(home).url == "http://127.0.0.1:9001"
    monkeypatch.setenv("DANLU_PORT", "9002")
    assert load_profile(home).url == "http://127.0.0.1:9002"
    (home / "server.url").write_text("http://127.0.0.1:9003\n")
    assert load_profile(home) == Profile("http://127.0.0.1:9003", None, local=True)


def test_the_stored_file_is_private_and_keeps_what_it_had(home: Path) -> None:
    path = save_profile(home, url="http://a.example")
    save_profile(home, token='da"nlu')
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_profile(home) == Profile("http://a.example", 'da"nlu')
    assert [entry.name for entry in home.iterdir()] == ["cli.toml"]


def test_a_damaged_file_is_named(home: Path) -> None:
    (home / "cli.toml").write_text("token = danlu")
    with pytest.raises(ProfileError, match=r"cli\.toml"):
        load_profile(home)
