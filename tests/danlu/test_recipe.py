import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field, ValidationError

import danlu
from danlu.recipe import REGISTRY, RecipeError, RunContext, load_recipes, recipe


class FirstParams(danlu.Params):
    lr: float = Field(0.1, gt=0, le=1, description="Learning rate.")
    epochs: int = Field(3, ge=1, description="Epochs.")


@pytest.fixture(autouse=True)
def clean_registry() -> Iterator[None]:
    # Imported before it is remembered: a module registers its recipes once, and other tests need them.
    load_recipes(None, ["worker.recipes"])
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


def first(params: FirstParams, run: RunContext) -> None:
    """The first line.

    More.
    """


def test_a_recipe_is_registered_with_its_schema() -> None:
    assert danlu.recipe(params=FirstParams)(first) is first
    found = REGISTRY["first"]
    assert found.summary == "The first line."
    assert found.source == __file__
    schema = found.schema()
    assert schema["properties"]["lr"] == {
        "default": 0.1,
        "description": "Learning rate.",
        "exclusiveMinimum": 0,
        "maximum": 1,
        "title": "Lr",
        "type": "number",
    }
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"lr": 0}, "lr"),
        ({"lr": "0.1"}, "lr"),
        ({"lr": float("nan")}, "lr"),
        ({"epochs": True}, "epochs"),
        ({"epochs": 1.5}, "epochs"),
        ({"other": 1}, "other"),
    ],
)
def test_params_that_do_not_fit_are_named(params: dict[str, Any], field: str) -> None:
    recipe(params=FirstParams)(first)
    with pytest.raises(ValidationError) as caught:
        REGISTRY["first"].validate(params)
    assert [error["loc"] for error in caught.value.errors()] == [(field,)]


def test_defaults_are_filled_in_and_whole_numbers_serve_as_floats() -> None:
    recipe(params=FirstParams)(first)
    assert REGISTRY["first"].validate({"lr": 1}) == FirstParams(lr=1.0, epochs=3)


def test_recipes_that_could_not_run_are_refused() -> None:
    class Other(BaseModel):
        pass

    with pytest.raises(RecipeError, match=r"danlu\.Params"):
        recipe(params=Other)(first)  # type: ignore[type-var]
    with pytest.raises(RecipeError, match="exactly"):
        recipe(params=FirstParams, name="one")(lambda params: None)  # type: ignore[arg-type,misc]
    with pytest.raises(RecipeError, match="lower-case"):
        recipe(params=FirstParams, name="../x")(first)
    recipe(params=FirstParams)(first)
    with pytest.raises(RecipeError, match="already defined in"):
        recipe(params=FirstParams)(first)


GOOD = """
import danlu
from pydantic import Field

class P(danlu.Params):
    n: int = Field(1, description="A number.")

@danlu.recipe(params=P, summary="One.")
def {name}(params: P, run: danlu.RunContext) -> None:
    run.board.scalar("n", params.n, 0)
"""


def test_broken_files_are_reported_and_the_others_load(tmp_path: Path) -> None:
    (tmp_path / "a_good.py").write_text(GOOD.format(name="mine"))
    (tmp_path / "b_syntax.py").write_text("x = 1\ndef broken(:\n")
    (tmp_path / "c_raises.py").write_text(GOOD.format(name="half") + "\n1 / 0\n")
    (tmp_path / "d_twice.py").write_text(GOOD.format(name="mine"))
    (tmp_path / "e_exits.py").write_text("import sys\nsys.exit(3)\n")
    (tmp_path / "f_nul.py").write_bytes(b"x = '\x00'")
    (tmp_path / "_helper.py").write_text("raise RuntimeError")
    (tmp_path / "z_good.py").write_text(GOOD.format(name="last"))
    found, errors = load_recipes(tmp_path)
    assert {"mine", "last"} <= found.keys()
    assert "half" not in found
    by_name = {Path(path).name: text for path, text in errors.items()}
    assert by_name.keys() == {"b_syntax.py", "c_raises.py", "d_twice.py", "e_exits.py", "f_nul.py"}
    assert by_name["b_syntax.py"].endswith("(line 2)")
    assert by_name["c_raises.py"].startswith("ZeroDivisionError")
    assert "(line 12)" in by_name["c_raises.py"]
    assert "a_good.py" in by_name["d_twice.py"]
    found["mine"].func(found["mine"].validate({"n": 4}), context := RunContext(id=1, dir=tmp_path / "run"))
    context.close()


def test_a_changed_folder_is_loaded_anew(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(GOOD.format(name="mine"))
    assert "mine" in load_recipes(tmp_path)[0]
    path.write_text(GOOD.format(name="yours").replace("One.", "Other."))
    found, errors = load_recipes(tmp_path)
    assert errors == {}
    assert "mine" not in found
    assert found["yours"].summary == "Other."
    path.unlink()
    assert "yours" not in load_recipes(tmp_path)[0]


def test_a_module_that_is_missing_is_an_error_of_its_own() -> None:
    found, errors = load_recipes(None, ["no.such.module", "worker.recipes"])
    assert errors.keys() == {"no.such.module"}
    assert {"quadratic", "drift", "rings", "images"} <= found.keys()


def test_publishing_the_builtin_schemas_needs_no_torch() -> None:
    code = (
        "import sys; from danlu.recipe import load_recipes; found, _ = load_recipes(None, ['worker.recipes'])\n"
        "assert len([recipe.schema() for recipe in found.values()]) >= 4\n"
        "assert all(field.get('description') for recipe in found.values()"
        " for field in recipe.schema()['properties'].values())\n"
        "print([name for name in ('torch', 'numpy', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("first_import", ["import danlu.recipe", "from danlu.recipe import REGISTRY", ""])
def test_the_decorator_works_however_the_module_was_imported(first_import: str) -> None:
    code = f"""
{first_import}
import danlu
@danlu.recipe(params=danlu.Params)
def tiny(params, run): "Tiny."
import danlu.recipe as module
assert module.REGISTRY["tiny"].summary == "Tiny."
"""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr


def test_a_context_reports_and_opens_its_board_when_used(tmp_path: Path) -> None:
    told: list[dict[str, Any]] = []
    run = RunContext(id=1, dir=tmp_path, report=lambda news: told.append(dict(news)), stop=lambda: True)
    run.phase("training")
    run.progress(3, 10, epoch=1)
    assert told == [{"phase": "training"}, {"step": 3, "total": 10, "epoch": 1, "epochs": None}]
    assert run.should_stop()
    run.close()
    assert list(tmp_path.iterdir()) == []
    run.board.scalar("a", 1, 1)
    run.close()
    assert run.checkpoints.is_dir()
