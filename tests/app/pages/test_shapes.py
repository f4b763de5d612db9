"""Which params and metrics are worth a column."""

from typing import Any

from app.pages import shapes


def run(metrics: tuple[str, ...] = (), **params: Any) -> dict[str, Any]:
    return {"params": params, "metrics": dict.fromkeys(metrics)}


def test_params_that_differ_come_first() -> None:
    runs = [run(epochs=10, lr=0.1, seed_note=None), run(epochs=10, lr=0.2, seed_note=None)]
    assert shapes.differing(runs) == ["lr"]
    assert shapes.main_params(runs) == ["lr", "epochs"]


def test_a_missing_param_differs_and_true_is_not_one() -> None:
    assert shapes.differing([run(a=1), run()]) == ["a"]
    assert shapes.differing([run(a=1), run(a=True)]) == ["a"]
    assert shapes.differing([run(a=[1, {"x": 2}]), run(a=[1, {"x": 2}])]) == []


def test_long_and_nested_values_get_no_column() -> None:
    assert shapes.main_params([run(widths=[1, 2], text="x" * 100, lr=1)]) == ["lr"]


def test_validation_before_training_before_the_rest() -> None:
    runs = [run(("lr", "loss/train", "loss/val", "grad_norm", "val_acc"))]
    assert shapes.main_metrics(runs) == ["loss/val", "val_acc", "loss/train"]


def test_no_runs_need_no_columns() -> None:
    assert shapes.main_params([]) == []
    assert shapes.main_metrics([]) == []


def test_params_of_a_few_runs_get_no_column() -> None:
    runs = [run(steps=1), run(steps=2), run(steps=3, fancy=True, note="")]
    assert shapes.main_params(runs) == ["steps"]
