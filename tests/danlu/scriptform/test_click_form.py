"""Forms of click and typer scripts, against click and typer themselves."""

import random
from typing import Any

import click
import pytest
import typer
from typer.testing import CliRunner as TyperRunner

from danlu.scriptform import Option, ScriptForm, command, defaults, params_of, read_form

CLICK = '''
import click


def common(function):
    return click.option("--seed", type=int, default=0)(function)


@click.command()
@click.argument("data", type=click.Path())
@click.argument("files", nargs=-1)
@click.option("--lr", "-l", default=0.1, show_default=True, help="rate")
@click.option("--opt", type=click.Choice(["sgd", "adam"]), default="sgd")
@click.option("--amp/--no-amp", default=True)
@click.option("--shout/--quiet", " /-q", default=False)
@click.option("--dry-run", is_flag=True)
@click.option("--layers", type=click.IntRange(1, 10), default=2)
@click.option("--tag", multiple=True)
@click.option("--num", multiple=True, type=int, default=[1, 2])
@click.option("--size", nargs=2, type=float, default=(1.0, 2.0))
@click.option("-v", "--verbose", count=True)
@click.option("--name", default=None)
@click.option("--flag", type=bool, default=False)
@click.option("--req", required=True, type=int)
@click.option("-B", "--Batch_Size", "bs", default=3)
@common
def main(**kwargs):
    """Trains it."""
    return kwargs


if __name__ == "__main__":
    main()
'''

TYPER = '''
from enum import Enum
from pathlib import Path
from typing import Annotated, List, Literal, Optional, Tuple

import typer


class Mode(str, Enum):
    fast = "f"
    slow = "s"


app = typer.Typer()


@app.command()
def train(
    data: str,
    lr: float = 1e-3,
    amp: bool = False,
    opt: Annotated[str, typer.Option("--optimizer", "-o", help="which")] = "sgd",
    tags: Optional[List[str]] = None,
    n: int = typer.Option(3, min=1, help="count"),
    mode: Mode = Mode.fast,
    force: Annotated[bool, typer.Option("--force")] = False,
    size: Tuple[int, int] = (1, 2),
    req: int = typer.Option(...),
    accept: bool = typer.Option(True, "--accept/--reject"),
    arch: Literal["a", "b"] = "a",
    extra: Annotated[Optional[List[str]], typer.Argument()] = None,
):
    """Trains a network."""
    SEEN.update(locals())


if __name__ == "__main__":
    app()
'''


def value(option: Option, chance: random.Random) -> Any:
    if option.style == "count":
        return chance.randint(0, 3)
    if option.kind == "integer":
        return chance.randint(int(option.minimum or 1), int(option.maximum or 9))
    if option.kind == "choice":
        return chance.choice(option.choices)
    if option.kind == "boolean":
        return chance.random() < 0.5
    if option.kind == "list":
        count = option.nargs if isinstance(option.nargs, int) else chance.randint(1, 3)
        return [
            {"integer": chance.randint(-9, 9), "number": chance.uniform(-1, 1)}.get(option.item, "x y")
            for _ in range(count)
        ]
    return chance.uniform(-1, 1) if option.kind == "number" else chance.choice(["a", "b c", "x=1"])


def draws(found: ScriptForm) -> list[dict[str, Any]]:
    chance = random.Random(0)
    return [
        {o.name: value(o, chance) for o in found.options if o.required or chance.random() < 0.5}
        for _ in range(100)
    ]


def plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else getattr(value, "value", value)


def test_click_reads_what_was_meant() -> None:
    found = read_form(CLICK)
    assert (found.kind, found.summary, found.option("lr").help) == ("click", "Trains it.", "rate")  # type: ignore[union-attr]
    namespace: dict[str, Any] = {"__name__": "other"}
    exec(CLICK, namespace)
    main: click.Command = namespace["main"]
    assert [item.name for item in found.options] == [item.name for item in main.params]
    for params in draws(found):
        args = command(found, params)
        said = {name: plain(item) for name, item in main.main(args, standalone_mode=False).items()}
        assert said == defaults(found) | params
        back, left = params_of(found, args)
        assert (left, defaults(found) | back) == ([], defaults(found) | params)


def test_typer_reads_what_was_meant() -> None:
    found = read_form(TYPER)
    assert (found.kind, found.summary, found.option("n").minimum) == ("typer", "Trains a network.", 1)  # type: ignore[union-attr]
    seen: dict[str, Any] = {}
    namespace: dict[str, Any] = {"__name__": "other", "SEEN": seen}
    exec(TYPER, namespace)
    app: typer.Typer = namespace["app"]
    for params in draws(found):
        args = command(found, params)
        result = TyperRunner().invoke(app, args, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        assert {name: plain(item) for name, item in seen.items()} == defaults(found) | params
        back, left = params_of(found, args)
        assert (left, defaults(found) | back) == ([], defaults(found) | params)


@pytest.mark.parametrize("kind", ["click", "typer"])
def test_commands_of_a_group_are_subcommands(kind: str) -> None:
    sources = {
        "click": "import click\n@click.group()\n@click.option('--seed', default=0)\ndef cli(seed): ...\n"
        "@cli.command()\n@click.option('--lr', default=0.1)\ndef fine_tune(lr): ...\n"
        "@cli.command('eval')\n@click.argument('ckpt')\ndef evaluate(ckpt): ...\ncli()",
        "typer": "import typer\napp = typer.Typer()\n@app.callback()\ndef base(seed: int = 0): ...\n"
        "@app.command()\ndef fine_tune(lr: float = 0.1): ...\n"
        "@app.command('eval')\ndef evaluate(ckpt: str): ...\napp()",
    }
    found = read_form(sources[kind])
    assert found.kind == kind
    assert found.subcommands == ("fine-tune", "eval")
    assert [(item.subcommand, item.name) for item in found.options] == [
        ("", "seed"),
        ("", "command"),
        ("fine-tune", "lr"),
        ("eval", "ckpt"),
    ]
    params = {"seed": 3, "command": "eval", "ckpt": "a.pt"}
    assert command(found, params) == ["--seed", "3", "eval", "a.pt"]
    assert params_of(found, command(found, params)) == (params, [])
