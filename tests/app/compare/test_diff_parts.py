"""What two runs differ in, as pure functions: values, packages, outputs."""

import random

import pytest

from app.compare.diff import logs, values


def test_params_that_differ_come_first_with_their_difference() -> None:
    rows = values.params(
        {"epochs": 3, "lr": 0.1, "m": {"w": 8}, "old": 1}, {"epochs": 3, "lr": 0.3, "m": {"w": 16}}
    )
    assert [row["key"] for row in rows] == ["lr", "m.w", "old", "epochs"]
    assert rows[0]["delta"] == pytest.approx(0.2)
    assert rows[1]["delta"] == 8
    assert (rows[2]["in_a"], rows[2]["in_b"], rows[2]["differs"]) == (True, False, True)
    assert rows[3]["differs"] is False


def test_a_dotted_name_hides_no_nested_one() -> None:
    found = values.params(
        {"a.b": 1, "a": {"b": 2}, "c": {"d": {"e": 1}}, "c.d": {"e": 3}}, {"a.b": 1, "a": {"b": 3}}
    )
    rows = {row["key"]: (row["a"], row["b"]) for row in found}
    assert rows["a"] == ({"b": 2}, {"b": 3})
    assert rows["a.b"] == (1, 1)
    assert (rows["c.d.e"], rows["c.d"]) == ((1, None), ({"e": 3}, None))


def test_a_flag_is_no_number() -> None:
    assert values.same(1, 1.0)
    assert not values.same(True, 1)
    assert values.delta(True, 3) is None
    assert values.delta(1e308, -1e308) is None
    assert not values.same([1, {"a": True}], [1, {"a": 1}])


def test_packages_are_compared_by_name_as_pip_has_it() -> None:
    found = values.packages(
        {"PyYAML": "6", "torch": "2.10", "old_one": "1"}, {"pyyaml": "6", "torch": "2.11", "new": "3"}
    )
    assert found == {
        "removed": [{"name": "old_one", "version": "1"}],
        "added": [{"name": "new", "version": "3"}],
        "changed": [{"name": "torch", "a": "2.10", "b": "2.11"}],
        "same": 1,
    }
    assert values.environment(None, {"packages": {}}) is None


def test_metrics_that_one_lacks_have_no_difference() -> None:
    one = {"loss": {"last": 1.0, "min": 0.5, "max": 2.0, "step": 9}}
    rows = values.metrics(
        one,
        {
            "loss": {"last": None, "min": 0.25, "max": 2.0, "step": 9, "nonfinite": "nan"},
            "acc": {"last": 1.0},
        },
    )
    assert [row["tag"] for row in rows] == ["acc", "loss"]
    assert rows[0]["a"] is None
    assert rows[0]["delta"] == {"last": None, "min": None, "max": None}
    assert rows[1]["delta"] == {"last": None, "min": -0.25, "max": 0.0}
    assert rows[1]["b"]["nonfinite"] == "nan"


def test_the_first_differing_line_is_found_behind_equal_ones() -> None:
    a = [f"epoch {n}" for n in range(2000)]
    b = [*a[:1500], "ValueError", *a[1500:]]
    found = logs.compare(iter(a), iter(b), mask=False)
    assert found["first"] == {"line": 1501, "a": "epoch 1500", "b": "ValueError"}
    assert [row for row in found["lines"] if row[0] in "+-"] == [["+", None, 1501, "ValueError"]]
    assert ["@", None, None, "@@ -1498,6 +1498,7 @@"] in found["lines"]
    assert found["same"] is False


def test_masked_outputs_differ_in_words_only() -> None:
    a = ["2026-11-25 10:00:01 epoch 1/9 loss 0.5 (1.5s, 0x7f00)", "done in 3 s"]
    b = ["2026-11-26 11:30:07 epoch 2/9 loss -4e-3 (22s, 0xab12)", "done in 14 s"]
    assert logs.compare(iter(a), iter(b), mask=True)["same"] is True
    assert logs.compare(iter(a), iter(b), mask=False)["first"]["line"] == 1
    assert logs.compare(iter(a), iter([*b, "and more"]), mask=True)["first"] == {
        "line": 3,
        "a": None,
        "b": "and more",
    }
    assert logs.masked("resnet50 of v1.2.3") == "resnet50 of v1.2.3"


def test_a_line_more_among_alike_ones_is_one_line() -> None:
    a = [f"step {n} loss {n / 7:.3f}" for n in range(60)]
    b = [*a[:31], "half of it", *(line + "1" for line in a[31:])]
    found = logs.compare(iter(a), iter(b), mask=True)
    assert [row for row in found["lines"] if row[0] in "+-"] == [["+", None, 32, "half of it"]]


def test_lines_are_as_a_terminal_leaves_them() -> None:
    chunks = [b" 10%\r 50%\r100", b"%\n\x1b[31mred\x1b[0m\r\nlast"]
    assert list(logs.lines_of(chunks)) == ["100%", "red", "last"]
    endless = list(logs.lines_of([b"x" * (1 << 18)] * 20))
    assert len(endless) == 1
    assert len(endless[0]) == logs.MAX_LINE


def test_two_long_outputs_are_compared_in_part_only() -> None:
    draw = random.Random(0)
    a, b = ([f"step {n} loss {draw.random()}" for n in range(200_000)] for _ in range(2))
    found = logs.compare(iter(a), iter(b), mask=False)
    assert found["cut"] is True
    assert max(found["shown"]) <= logs.WINDOW
    unread = logs.compare(iter(a), iter(b), mask=True)
    assert unread["same"] is None
    assert unread["cut"] is True
