"""The scripts of the tutorial as runs. Copy this file to danlu-data/recipes, and its form appears."""

import runpy
from pathlib import Path
from typing import Literal

from pydantic import Field

import danlu


class TutorialParams(danlu.Params):
    """Which script, and where it lies."""

    part: Literal["01_graph", "02_scalars", "03_histograms", "04_images", "05_figure", "06_callback"] = Field(
        "06_callback", description="The part of the tutorial; the sixth is a whole training."
    )
    folder: str = Field(
        "",
        description="Absolute path of the folder of the scripts; empty: examples/ of Danlu's own checkout.",
    )


@danlu.recipe(params=TutorialParams, summary="Run a script of the tutorial, unchanged.")
def tutorial(params: TutorialParams, run: danlu.RunContext) -> None:
    """Run it as `python 0N_name.py` would, in the run's folder."""
    print(f"seed {run.seed}: {params.part}", flush=True)
    runpy.run_path(str(_script(params)), run_name="__main__")


def _script(params: TutorialParams) -> Path:
    """The first place that has the script: the one that was named, beside this file's folder, Danlu's checkout."""
    near = [Path(__file__).resolve().parents[1], Path(danlu.__file__).resolve().parents[1] / "examples"]
    folders = [Path(params.folder)] if params.folder else near
    for folder in folders:
        if (folder / f"{params.part}.py").is_file():
            return folder / f"{params.part}.py"
    looked = " and ".join(str(folder) for folder in folders)
    raise FileNotFoundError(
        f"{params.part}.py is not in {looked}; set the parameter 'folder' to where the scripts of the tutorial are"
    )
