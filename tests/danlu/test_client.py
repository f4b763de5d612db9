import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.scripted_server import Answer, Asked, in_turn, scripted

import danlu.rest
from danlu.client import ApiError, Client, UnreachableError
from danlu.profile import Profile, ProfileError, load_profile, save_profile

RUN = {"id": 7, "state": "queued"}


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(danlu.rest, "FIRST_DELAY", 0.001)


def test_submit_sends_only_what_was_given_and_a_fresh_key_each_time() -> None:
    with scripted(in_turn(Answer(201, RUN))) as server, Client(server.url, "danlu_x") as client:
        assert client.submit("demo", "rings", {"lr": 0.1}, name="a", seed=None, tags=["t"]) == RUN
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
        assert client.submit("demo", "rings") == RUN
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
    assert [run["id"] for run in found] == list(range(expected))
    assert all(asked.query["state"] == ["queued"] and "tag" not in asked.query for asked in server.asked)


def test_wait_ends_with_the_run_and_survives_a_restart_of_the_server() -> None:
    seen: list[str] = []
    answers = (Answer(200, RUN), *[Answer(drop=True)] * 6, Answer(200, {**RUN, "state": "succeeded"}))
    with scripted(in_turn(*answers)) as server, Client(server.url, "x") as client:
        run = client.wait(7, poll=0.001, on_update=lambda run: seen.append(run["state"]))
    assert run["state"] == "succeeded"
    assert seen == ["queued", "succeeded"]


def test_wait_gives_up_in_time() -> None:
    with (
        scripted(in_turn(Answer(200, RUN))) as server,
        Client(server.url, "x") as client,
        pytest.raises(TimeoutError, match="run 7"),
    ):
        client.wait(7, timeout=0.01, poll=0.001)


def log_of(text: bytes, piece: int) -> Callable[[Asked], Answer]:
    """A log that is complete when the run is asked for the second time."""
    looks = 0

    def answer(asked: Asked) -> Answer:
        nonlocal looks
        if not asked.path.endswith("/log"):
            looks += 1
            return Answer(200, {**RUN, "state": "succeeded" if looks > 1 else "running"})
        offset = int(asked.query["offset"][0])
        data = text[: len(text) if looks > 1 else 5][offset : offset + piece]
        return Answer(200, data, {"X-Next-Offset": str(offset + len(data))})

    return answer


def test_a_followed_log_is_whole_whatever_the_pieces_cut() -> None:
    text = "损失 0.5 → 0.1\n" * 3
    with scripted(log_of(text.encode(), 4)) as server, Client(server.url, "x") as client:
        pieces = list(client.stream_log(7, poll=0.001))
    assert "".join(piece for piece, _ in pieces) == text
    assert pieces[-1][1] == len(text.encode())


def test_metrics_ask_for_all_runs_and_tags_in_one_call() -> None:
    with scripted(in_turn(Answer(200, {"series": []}))) as server, Client(server.url, "x") as client:
        assert client.metrics([1, 2], tags=["loss/train"], points=0) == {"series": []}
    assert server.asked[0].query == {"run": ["1", "2"], "tag": ["loss/train"], "points": ["0"], "x": ["step"]}


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
