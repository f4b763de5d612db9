"""Which runs are one row of TensorBoard's HPARAMS tab."""

from typing import Any

from worker.attempt import group_name


def script(params: dict[str, Any] | None = None, args: tuple[str, ...] = (), **changes: Any) -> str:
    definition = {"recipe": None, "snapshot": "a" * 64, "entrypoint": "train.py"}
    return group_name({**definition, "params": params or {}, "args": list(args), **changes})


def test_seeds_of_one_setting_are_one_group() -> None:
    first = script({"lr": 0.1, "seed": 1}, ("--lr", "0.1", "--seed", "1"))
    assert first == script({"lr": 0.1, "seed": 2}, ("--lr", "0.1", "--seed=2"))
    assert first == script({"lr": 0.1, "random_seed": 3}, ("--lr", "0.1", "--random-seed", "3"))
    assert first.startswith("train.py ")


def test_whatever_else_differs_is_another_group() -> None:
    base = script({"lr": 0.1}, ("--lr", "0.1"))
    others = [
        script({"lr": 0.2}, ("--lr", "0.2")),
        script({"lr": 0.1}, ("--lr", "0.1", "--mystery", "1")),
        script({"lr": 0.1}, ("--lr", "0.1"), entrypoint="other.py"),
        script({"lr": 0.1}, ("--lr", "0.1"), snapshot="b" * 64),
        script({"lr": 0.1, "seedling": 1}, ("--lr", "0.1")),
    ]
    assert len({base, *others}) == 6


def test_recipes_are_grouped_by_their_params() -> None:
    def recipe(**params: Any) -> str:
        return group_name(
            {"recipe": "rings", "snapshot": None, "entrypoint": None, "params": params, "args": []}
        )

    assert recipe(lr=0.1) == recipe(lr=0.1) != recipe(lr=0.2)
