"""The recipe that runs the tutorial's scripts, in the process of a run as a worker starts it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from danlu.recipe import REGISTRY, RunContext, load_recipes
from danlu.tail import EventTail
from worker.spec import OUTCOME_FILE, STATUS_FILE, LaunchSpec

EXAMPLES = Path(__file__).parents[2] / "examples"
pytestmark = pytest.mark.timeout(600)  # a training of some 20 s, on a machine that may be busy
RUN = """
import os, sys
from pathlib import Path
from worker import run
from worker.spec import load_spec

spec = load_spec(Path(sys.argv[1]))
os.chdir(spec.run_dir)
os.environ.update(spec.environment())
sys.exit(run.main(spec))
"""


@pytest.fixture
def recipes(tmp_path: Path) -> Iterator[Path]:
    """A folder of recipes with a copy of the recipe, as the README says."""
    folder = tmp_path / "recipes"
    folder.mkdir()
    shutil.copy(EXAMPLES / "recipes" / "tutorial.py", folder)
    yield folder
    REGISTRY.pop("tutorial", None)


def run(recipes: Path, part: str) -> tuple[Path, str]:
    """Run a part as a run; its folder, and its log."""
    folder = recipes.parent / "run"
    (folder / ".danlu").mkdir(parents=True)
    LaunchSpec(
        run_id=12,
        attempt=1,
        run_dir=folder,
        recipe="tutorial",
        recipes_dir=recipes,
        params={"part": part},
        device="cpu",
    ).save()
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(folder)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=570,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert json.loads((folder / OUTCOME_FILE).read_bytes())["reason"] == "completed"
    return folder, done.stdout


def test_the_form_offers_every_script(recipes: Path) -> None:
    known, errors = load_recipes(recipes)
    assert errors == {}
    schema = known["tutorial"].schema()["properties"]
    assert schema["part"]["enum"] == [path.stem for path in sorted(EXAMPLES.glob("0*.py"))]
    assert all(field["description"] for field in schema.values())


def test_a_part_that_writes_a_board_of_its_own(recipes: Path) -> None:
    folder, log = run(recipes, "02_scalars")
    assert "y = 0.0" in log
    assert EventTail(folder).poll()["y"].count == 500


def test_the_training_is_the_runs_own(recipes: Path) -> None:
    folder, log = run(recipes, "06_callback")
    curves = EventTail(folder).poll()
    assert {"loss/train", "loss/val", "acc/train", "acc/val", "lr"} <= curves.keys()
    assert not any(tag.startswith("data/") for tag in curves)
    assert curves["acc/val"].count > 10
    status = json.loads((folder / STATUS_FILE).read_bytes())
    assert (status["epoch"], status["epochs"]) == (curves["acc/val"].count, 100)
    assert list((folder / "checkpoints").glob("best*"))
    assert "This is run 12 of Danlu: TensorBoard is on the page of its experiment" in log


def test_scripts_that_are_not_there_are_asked_for(recipes: Path, tmp_path: Path) -> None:
    load_recipes(recipes)
    recipe = REGISTRY["tutorial"]
    params = recipe.validate({"folder": str(tmp_path)})
    with pytest.raises(FileNotFoundError, match="set the parameter 'folder'"):
        recipe.func(params, RunContext(id=1, dir=tmp_path))
