"""The notebook of the tutorial, cell by cell in a real kernel."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from readback import events, points, values

NOTEBOOK = Path(__file__).parents[2] / "examples" / "tutorial.ipynb"
pytestmark = pytest.mark.timeout(600)  # a training of some 20 s, on a machine that may be busy


def execute(folder: Path) -> NotebookNode:
    """Run it in `folder`, in a process of its own; nothing of a person's own settings of Jupyter is read."""
    copy = shutil.copy(NOTEBOOK, folder)  # a kernel runs where its notebook lies
    private = {name: str(folder / ".private") for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "HOME")}
    subprocess.run(
        [
            sys.executable,
            "-c",
            "from nbclient.cli import main; main()",
            copy,
            "--inplace",
            "--kernel_name=python3",
        ],
        cwd=folder,
        env=os.environ | private | {"OMP_NUM_THREADS": "1", "TMPDIR": str(folder)},
        check=True,
        timeout=570,
    )
    return nbformat.read(copy, as_version=4)


def output_of(notebook: NotebookNode, text: str, number: int = 0) -> list[NotebookNode]:
    """What the cell with this text put out; the first one, or the one of that number."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and text in cell.source]
    return list(cells[number].outputs)


@pytest.mark.slow  # the same code as the scripts'
def test_every_cell_runs_and_draws(tmp_path: Path) -> None:
    assert all(
        not cell.outputs and cell.execution_count is None
        for cell in nbformat.read(NOTEBOOK, as_version=4).cells
        if cell.cell_type == "code"
    )
    notebook = execute(tmp_path)
    board = tmp_path / "data" / "tensorboard"
    assert len(points(board, "y")) == 500
    assert len(values(board)["w"]) == 20
    assert {"images[0]", "image_grid", "images", "figure"} <= values(board).keys()
    assert any(event.graph_def for event in events(board))
    assert len(points(board / "model", "acc/val")) > 10
    (listed,) = output_of(notebook, "notebook.list()")
    assert listed.text == "No known TensorBoard instances running.\n"
    frame, address = output_of(notebook, "notebook.start(")
    assert "<iframe" in frame.data["text/html"]
    assert "http://127.0.0.1:" in address.data["text/plain"]
    assert "image/svg+xml" in output_of(notebook, "plt.show()")[0].data
