"""The parts of reading: the data server's bytes, the cache, epochs, and the order of tags."""

import numpy as np
import pytest
from tensorboard.data.proto import data_provider_pb2 as messages

from app.metrics.cache import FRESH, OVERHEAD, SeriesCache
from app.metrics.epochs import epoch_tag, to_epochs
from app.metrics.wire import MalformedError, Points, scalars

STAMP = (("events.out.tfevents.1", 1, 100, 5),)
LATER = (("events.out.tfevents.1", 1, 200, 6),)


def answer(steps: list[int], tags: tuple[str, ...] = ("loss",), runs: tuple[str, ...] = ("a",)) -> bytes:
    made = messages.ReadScalarsResponse()
    for name in runs:
        run = made.runs.add(run_name=name)
        for tag in tags:
            data = run.tags.add(tag_name=tag).data
            data.step.extend(steps)
            data.wall_time.extend(1.5e9 + step for step in range(len(steps)))
            data.value.extend(float(step) for step in range(len(steps)))
    return made.SerializeToString()


@pytest.mark.parametrize(
    "steps",
    [[], [0], [127, 128, 16_383, 16_384, 2**31, 2**40, 2**62], [-3, -1, 0, 5], list(range(0, 300_000, 7))],
)
def test_the_answers_bytes_are_what_protobuf_reads(steps: list[int]) -> None:
    found = scalars(answer(steps, ("loss", "ünïcode/x"), ("a", "b/c")), {})
    assert set(found) == {"a", "b/c"}
    for tags in found.values():
        assert set(tags) == {"loss", "ünïcode/x"}
        for points in tags.values():
            assert points.step.tolist() == steps
            assert points.wall.tolist() == [1.5e9 + step for step in range(len(steps))]
            assert points.value.tolist() == list(range(len(steps)))


def test_equal_steps_are_one_array() -> None:
    known: dict[bytes, np.ndarray] = {}
    one = scalars(answer([1, 2, 300]), known)["a"]["loss"]
    two = scalars(answer([1, 2, 300]), known)["a"]["loss"]
    assert one.step is two.step
    with pytest.raises(ValueError, match="read-only"):
        one.step[0] = 5


def test_what_is_cut_off_is_refused() -> None:
    whole = answer([1, 2, 300])
    for end in range(1, len(whole)):
        with pytest.raises(MalformedError):
            scalars(whole[:end], {})


def points(count: int, shared: np.ndarray | None = None) -> Points:
    step = np.arange(count) if shared is None else shared
    return Points(step, np.zeros(count), np.zeros(count, np.float32))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_settled_series_stay_until_the_files_change() -> None:
    clock = Clock()
    cache = SeriesCache(10**6, clock)
    assert cache.notice("exp", [("run", STAMP)], 10.0) == {"run": 10.0}
    cache.put("exp", "run", "loss", points(5), 10.0, settled=True)
    cache.put("exp", "run", "none", None, 10.0, settled=True)
    cache.put_tags("exp", "run", ["loss"], 10.0, settled=True)
    clock.now = 1000.0
    assert cache.notice("exp", [("run", STAMP)], 20.0) == {"run": 10.0}
    held = cache.get("exp", "run", "loss")
    assert held is not None
    assert held[0] is not None
    assert cache.get("exp", "run", "none") == (None,)
    assert cache.get("exp", "run", "unknown") is None
    assert cache.tags("exp", "run") == ["loss"]
    assert cache.notice("exp", [("run", LATER)], 30.0) == {"run": 30.0}
    assert cache.get("exp", "run", "loss") is None
    assert cache.tags("exp", "run") is None
    assert cache.size == 0


def test_what_is_not_settled_serves_a_moment() -> None:
    clock = Clock()
    cache = SeriesCache(10**6, clock)
    cache.notice("exp", [("run", STAMP)], 10.0)
    cache.put("exp", "run", "loss", points(5), 10.0, settled=False)
    assert cache.get("exp", "run", "loss") is not None
    assert cache.get("exp", "run", "loss", settled=True) is None
    clock.now = FRESH
    assert cache.get("exp", "run", "loss") is None


def test_an_answer_to_older_files_is_not_kept() -> None:
    cache = SeriesCache(10**6)
    cache.notice("exp", [("run", STAMP)], 10.0)
    cache.notice("exp", [("run", LATER)], 11.0)
    cache.put("exp", "run", "loss", points(5), 10.0, settled=True)
    cache.put_tags("exp", "run", ["loss"], 10.0, settled=True)
    assert cache.get("exp", "run", "loss") is None
    assert cache.tags("exp", "run") is None


def test_the_least_used_goes_first_and_shared_columns_count_once() -> None:
    steps = np.arange(1000)
    each = OVERHEAD + 12 * 1000
    cache = SeriesCache(8000 + 3 * each)
    cache.notice("exp", [("run", STAMP)], 10.0)
    for tag in "abc":
        cache.put("exp", "run", tag, points(1000, steps), 10.0, settled=True)
    assert cache.size == cache.limit
    assert cache.get("exp", "run", "a") is not None
    cache.put("exp", "run", "d", points(1000, steps), 10.0, settled=True)
    assert [tag for tag in "abcd" if cache.get("exp", "run", tag)] == ["a", "c", "d"]
    cache.put("exp", "run", "huge", points(100_000), 10.0, settled=True)
    assert cache.size == 0
    assert cache.get("exp", "run", "huge") is None


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        (["loss", "epoch"], "epoch"),
        (["train/epoch", "eval/epoch"], "eval/epoch"),
        (["train/epoch", "epoch"], "epoch"),
        (["epochs", "my_epoch"], None),
        ([], None),
    ],
)
def test_which_tag_counts_the_epochs(tags: list[str], found: str | None) -> None:
    assert epoch_tag(tags) == found


def epochs(step: list[int], number: list[float]) -> Points:
    return Points(np.array(step), np.zeros(len(step)), np.array(number, np.float32))


def test_epochs_between_the_places_where_a_new_one_shows() -> None:
    logged = epochs([0, 10, 19, 20, 30, 40], [0, 0, 0, 1, 1, 2])
    assert to_epochs(np.array([0, 10, 20, 30, 40, 50]), logged).tolist() == [0, 0.5, 1, 1.5, 2, 2.5]
    assert to_epochs(np.array([-10]), epochs([0, 20], [0.0, 1.0])).tolist() == [-0.5]


@pytest.mark.parametrize(
    "logged", [None, epochs([], []), epochs([3], [1]), epochs([3, 9], [1, 1]), epochs([3, 9], [np.nan, 2])]
)
def test_without_a_pace_the_steps_are_the_epochs(logged: Points | None) -> None:
    assert to_epochs(np.array([1, 5]), logged).tolist() == [1, 5]


def test_an_epoch_that_goes_back_is_left_out() -> None:
    assert to_epochs(np.array([5, 15]), epochs([0, 10, 12, 20], [0, 1, 0.5, 2])).tolist() == [0.5, 1.5]
