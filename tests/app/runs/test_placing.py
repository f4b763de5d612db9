"""On what a run is placed, for every kind of wish; and that the table for queries says the same as the function."""

from itertools import combinations

import pytest

from app.runs.placing import MAX_PROCESSES, needs, place, refusal, table, waits_for_gpus

HERE = ("cuda:0", "cuda:1", "cuda:2", "cpu")


@pytest.mark.parametrize(
    ("asked", "processes", "free", "taken"),
    [
        ("auto", 1, HERE, ["cuda:0"]),
        ("auto", 1, ["cpu"], ["cpu"]),
        ("auto", 1, [], []),
        ("auto", 2, HERE, ["cuda:0", "cuda:1"]),
        ("auto", 2, ["cuda:1", "cpu"], []),
        ("auto", 4, HERE, ["cpu"]),
        ("auto", 4, ["cuda:0"], []),
        ("cpu", 64, HERE, ["cpu"]),
        ("cpu", 2, ["cuda:0"], []),
        ("cuda", 1, ["cuda:2", "cpu"], ["cuda:2"]),
        ("cuda", 3, HERE, ["cuda:0", "cuda:1", "cuda:2"]),
        ("cuda", 2, ["cuda:0", "cuda:2", "cpu"], ["cuda:0", "cuda:2"]),
        ("cuda", 4, HERE, []),
        ("cuda:2", 1, HERE, ["cuda:2"]),
        ("cuda:1", 2, HERE, ["cuda:1", "cuda:2"]),
        ("cuda:2", 2, HERE, ["cuda:2", "cuda:0"]),
        ("cuda:2", 2, ["cuda:0", "cuda:1"], []),
        ("cuda:9", 1, HERE, []),
        ("cuda:9", 2, HERE, []),
        ("mps", 1, HERE, []),
    ],
)
def test_place(asked: str, processes: int, free: list[str], taken: list[str]) -> None:
    assert list(place(asked, processes, free, HERE)) == taken


def test_a_gpu_of_apple_takes_one_process() -> None:
    here = ["mps", "cpu"]
    assert place("mps", 1, here, here) == place("auto", 1, here, here) == ("mps",)
    assert place("mps", 2, here, here) == ()
    assert place("auto", 2, here, here) == ("cpu",)


def test_who_waits_for_gpus() -> None:
    assert waits_for_gpus("cuda", 2, ["cuda:0", "cpu"], HERE)
    assert waits_for_gpus("auto", 2, ["cuda:0", "cpu"], HERE)
    assert waits_for_gpus("cuda:1", 2, ["cuda:0", "cuda:2"], HERE)
    for asked, processes in (("cuda", 1), ("cuda", 4), ("auto", 4), ("cpu", 2), ("cuda:7", 2), ("mps", 2)):
        assert not waits_for_gpus(asked, processes, ["cpu"], HERE), (asked, processes)


@pytest.mark.parametrize("here", [(), ("cpu",), ("mps", "cpu"), ("cuda:0",), ("cuda:0", "cpu"), HERE])
def test_the_table_says_what_place_says(here: tuple[str, ...]) -> None:
    for free in (list(some) for size in range(len(here) + 1) for some in combinations(here, size)):
        for suits in (place, waits_for_gpus):
            rows = table(here, lambda asked, n, suits=suits, free=free: bool(suits(asked, n, free, here)))
            for asked in {"auto", "cpu", "cuda", "mps", "cuda:9", *here}:
                for n in range(1, MAX_PROCESSES + 1):
                    listed = any(name == asked and low <= n <= high for name, low, high in rows)
                    assert listed == bool(suits(asked, n, free, here)), (asked, n, free)


def test_the_table_ends_at_the_greatest_number() -> None:
    many = [f"cuda:{number}" for number in range(70)]
    rows = table(many, lambda asked, n: bool(place(asked, n, many, many)))
    assert ("cuda", 1, MAX_PROCESSES) in rows
    assert ("auto", 1, MAX_PROCESSES) in rows


def test_sentences() -> None:
    offers = {"box": ["cuda:0", "cpu"], "mini": ["cpu"]}
    assert refusal("cuda:3", 1, offers) == "no worker offers the device cuda:3; there is: cpu, cuda:0"
    assert refusal("cuda", 2, offers) == (
        "no worker offers 2 GPUs at once; there is: cpu, cuda:0 on box; cpu on mini"
    )
    assert refusal("mps", 2, {}) == "no worker offers mps for 2 processes; there is: none"
    assert needs("cuda:1", 2) == "2 GPUs at once with cuda:1 among them"
    assert needs("auto", 3) == "3 GPUs at once, or the CPU"
    assert needs("cpu", 3) == "cpu"
