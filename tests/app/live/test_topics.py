"""Topics and positions as they come from a URL."""

import pytest
from rest import Rest, refused

from app.errors import Invalid
from app.live.stream import whole_characters
from app.live.topics import Kind, Topic, format_positions, parse_positions, parse_topics


def test_topics_are_read_in_order_and_once() -> None:
    found = parse_topics("log:3, run:12,experiment:two-rings,,workers,run:12,experiments")
    assert found == (
        Topic(Kind.LOG, run=3),
        Topic(Kind.RUN, run=12),
        Topic(Kind.EXPERIMENT, slug="two-rings"),
        Topic(Kind.WORKERS),
        Topic(Kind.EXPERIMENTS),
    )
    assert [str(topic) for topic in found] == [
        "log:3", "run:12", "experiment:two-rings", "workers", "experiments",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "word",
    ["", "runs", "run", "run:", "run:0", "run:-1", "run:1.5", "run:٣", "run:9223372036854775808", "run:1:2", "workers:",
     "workers:1", "experiment:", "experiment:../x", "experiment:A", "experiment:a\nb", "RUN:1", "run: 1", "x" * 5000],
)  # fmt: skip
def test_a_wrong_topic_is_refused(word: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_topics(f"workers,{word}" if word else "")
    assert set(caught.value.fields or {}) == {"topics"}
    assert len(caught.value.detail) < 400


def test_too_many_topics_are_refused() -> None:
    assert len(parse_topics(",".join(f"run:{n}" for n in range(1, 65)))) == 64
    with pytest.raises(Invalid, match="65"):
        parse_topics(",".join(f"run:{n}" for n in range(1, 66)))


def test_positions_survive_the_way_there_and_back() -> None:
    positions = {12: 4096, 7: 0}
    assert parse_positions(format_positions(positions)) == positions
    assert parse_positions("12=x,=3,a=1,12=-1,99999999999999999999=1,7=5") == {7: 5}
    assert parse_positions(None) == {}


def test_a_character_is_never_cut() -> None:
    text = "aé丹🔥z".encode()
    for cut in range(len(text) + 1):
        part = text[:cut]
        length = whole_characters(part)
        assert part[:length].decode() == part.decode("utf-8", "ignore")
        assert cut - length < 4
    assert whole_characters(b"\x80\x80\x80\x80\x80") == 5
    assert whole_characters(b"ok\xff") == 3


def test_the_answer_names_the_topic(rest: Rest) -> None:
    body = refused(rest.get("/stream", topics="run:1,nonsense:2"), 422, "topics")
    assert "'nonsense:2'" in body["detail"]
    refused(rest.get("/stream"), 422, "topics")
    refused(rest.get("/stream", topics="run:1," * 2000), 422, "topics")
