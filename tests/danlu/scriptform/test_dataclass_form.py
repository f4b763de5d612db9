"""Forms of dataclasses and functions, in the words of the library that reads them."""

import textwrap

import pytest

from danlu.scriptform import ScriptForm, command, defaults, params_of, read_form

FIELDS = '''
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import List, Literal, Optional, Tuple


class Mode(Enum):
    fast = "f"
    slow = "s"


@dataclass
class Optim:
    lr: float = 1e-3
    """Learning rate."""
    use_amp: bool = True


@dataclass
class Args:
    """Trains a network.

    Longer.
    """

    data_dir: str
    seed: int = 1  # random seed
    # above it
    mode: Mode = Mode.fast
    track: bool = False
    entity: Optional[str] = None
    dims: List[int] = field(default_factory=lambda: [1, 2], metadata={"help": "sizes"})
    betas: Tuple[float, float] = (0.9, 0.99)
    arch: Literal["a", "b"] = "a"
    out: Path = Path("x") / "y"
    optim: Optim = field(default_factory=lambda: Optim(lr=0.5))
'''


def form(body: str) -> ScriptForm:
    return read_form(FIELDS + textwrap.dedent(body))


def test_tyro() -> None:
    found = form("import tyro\nargs = tyro.cli(Args)")
    assert (found.kind, found.summary) == ("dataclass", "Trains a network.")
    assert defaults(found) == {
        "seed": 1,
        "mode": "fast",
        "track": False,
        "entity": None,
        "dims": [1, 2],
        "betas": [0.9, 0.99],
        "arch": "a",
        "out": "x/y",
        "optim.lr": 0.5,
        "optim.use_amp": True,
    }
    assert {item.name: item.help for item in found.options if item.help} == {
        "seed": "random seed",
        "mode": "above it",
        "dims": "sizes",
        "optim.lr": "Learning rate.",
    }
    params = {
        "data_dir": "d",
        "track": True,
        "entity": None,
        "dims": [3],
        "optim.lr": 0.1,
        "optim.use_amp": False,
    }
    args = command(found, params)
    assert args == [
        *("--data-dir", "d", "--track", "--entity", "None", "--dims", "3"),
        *("--optim.lr", "0.1", "--optim.no-use_amp".replace("_", "-")),
    ]
    assert params_of(found, args) == (params, [])
    assert params_of(found, ["--data_dir", "d"]) == ({"data_dir": "d"}, [])


def test_tyro_of_alternatives_is_subcommands() -> None:
    found = form(
        """
        from typing import Annotated, Union
        import tyro

        @dataclass
        class EvalRun:
            ckpt: str

        Commands = Union[Annotated[Optim, tyro.conf.subcommand(name="opt")], EvalRun]
        tyro.cli(Commands)
        """
    )
    assert found.subcommands == ("opt", "eval-run")
    assert [(item.subcommand, item.name) for item in found.options] == [
        ("", "command"),
        ("opt", "lr"),
        ("opt", "use_amp"),
        ("eval-run", "ckpt"),
    ]


def test_transformers() -> None:
    found = form(
        """
        from transformers import HfArgumentParser, TrainingArguments

        @dataclass
        class Model:
            name: str = field(metadata={"help": "which"})
            fast: bool = True
            layers: Optional[int] = None
            maybe: Optional[bool] = None

        def main():
            parser = HfArgumentParser((Model, TrainingArguments))
            model, training = parser.parse_args_into_dataclasses()

        main()
        """
    )
    assert [item.name for item in found.options][:4] == ["name", "fast", "layers", "maybe"]
    assert found.option("learning_rate").default == 5e-5  # type: ignore[union-attr]
    assert any("TrainingArguments" in note for note in found.notes)
    args = command(found, {"name": "x", "fast": False, "learning_rate": 1e-4})
    assert args == ["--name", "x", "--fast", "False", "--learning_rate", "0.0001"]
    assert params_of(found, ["--no_fast", "--learning-rate", "1"]) == (
        {"fast": False, "learning_rate": 1.0},
        [],
    )
    assert command(found, {"maybe": True}) == ["--maybe", "True"]
    assert params_of(found, ["--bf16"]) == ({"bf16": True}, [])


def test_simple_parsing() -> None:
    found = form(
        """
        from simple_parsing import ArgumentParser
        parser = ArgumentParser()
        parser.add_argument("--foo", type=int, default=3)
        parser.add_arguments(Args, dest="args")
        parser.parse_args()
        """
    )
    assert {"foo", "data_dir", "lr", "use_amp"} <= {item.name for item in found.options}
    params = {"data_dir": "x", "lr": 2.0, "use_amp": False, "mode": "slow"}
    args = command(found, params)
    assert args == ["--data_dir", "x", "--mode", "slow", "--lr", "2", "--use_amp", "False"]
    assert params_of(found, args) == (params, [])


def test_typed_argument_parser() -> None:
    found = read_form(
        "from tap import Tap\n"
        "class A(Tap):\n    lr: float = 0.1  # rate\n    amp: bool = False\n    fast: bool = True\n"
        "args = A().parse_args()\n"
    )
    assert command(found, {"lr": 1.0, "amp": True, "fast": False}) == ["--lr", "1", "--amp", "--fast"]
    assert params_of(found, ["--fast"]) == ({"fast": False}, [])


def test_functions() -> None:
    body = '''
    def main(data: str, lr: float = 0.1, amp: bool = False):
        """Trains.

        Args:
            data: where it is.
            lr (float): how fast,
                per step.
        """
    '''
    source = textwrap.dedent(body)
    read_by = {
        "import tyro\ntyro.cli(main)": ["--data", "d", "--lr", "1", "--amp"],
        "from jsonargparse import CLI\nCLI(main)": ["d", "--lr", "1", "--amp", "true"],
        "import fire\nfire.Fire(main)": ["--data=d", "--lr=1", "--amp=True"],
        "import typer\ntyper.run(main)": ["d", "--lr", "1", "--amp"],
    }
    for call, args in read_by.items():
        found = read_form(source + call)
        assert [item.help for item in found.options][:2] == ["where it is.", "how fast, per step."]
        params = {"data": "d", "lr": 1.0, "amp": True}
        assert command(found, params) == args
        assert params_of(found, args) == (params, [])


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import hydra\n@hydra.main(config_path='.')\ndef main(cfg): ...\nmain()\nLR = 1", "Hydra"),
        ("from lightning.pytorch.cli import LightningCLI\nLightningCLI(Model)", "LightningCLI"),
        (
            "from transformers import HfArgumentParser as H\nfrom x import A\nH(A).parse_args_into_dataclasses()",
            "of A",
        ),
    ],
)
def test_what_is_known_but_not_readable_is_told(source: str, words: str) -> None:
    found = read_form(source)
    assert (found.kind, found.options) == ("none", ())
    assert words in " ".join(found.notes)
    assert command(found, {"anything": [1]}, ["a=b"]) == ["a=b"]
    assert params_of(found, ["a=b"]) == ({}, ["a=b"])
    assert "additionalProperties" not in found.schema()
