"""The documents: what they tell people to type exists and works."""

import re
from pathlib import Path

import pytest

from app.config import load_settings
from app.main import create_app
from app.runs.words import Reason, RunState
from danlu.recipe import REGISTRY, RunContext, load_recipes

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    targets = [target.split("#")[0] for target in re.findall(r"\]\(([^)]+)\)", text) if "://" not in target]
    assert [target for target in targets if target and not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_make_targets_exist(document: Path) -> None:
    known = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", document.read_text(encoding="utf-8"), re.MULTILINE))
    assert named <= known


@pytest.mark.parametrize("document", ["README.md", "docs/recipes.md"])
def test_the_recipe_of_the_documents_trains(
    document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(REGISTRY, "line", raising=False)
    source = next(block for block in blocks(ROOT / document, "python") if "@danlu.recipe" in block)
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "line.py").write_text(source, encoding="utf-8")
    recipes, errors = load_recipes(tmp_path / "recipes")
    assert errors == {}
    (tmp_path / "run").mkdir()
    run = RunContext(id=1, dir=tmp_path / "run")
    recipes["line"].func(recipes["line"].validate({"steps": 5}), run)
    run.board.close()
    assert list((tmp_path / "run").glob("events.out.tfevents.*"))


def test_every_call_of_the_rest_guide_exists(home: Path) -> None:
    paths = create_app(load_settings(home=home)).openapi()["paths"]
    served = {re.sub(r"\{\w+\}", "{}", path.removeprefix("/api/v1")) for path in paths}
    text = (ROOT / "docs" / "rest.md").read_text(encoding="utf-8")
    named = re.findall(r"`(?:GET|POST|PATCH|DELETE|POST·GET·DELETE) (/[a-z/{}]+)", text)
    assert named
    assert {re.sub(r"\{\w+\}", "{}", path) for path in named} <= served


def test_the_state_diagram_is_the_state_machine() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    from app.runs.words import TRANSITIONS

    drawn = set(re.findall(r"^  (\w+) --> (\w+):", text, re.MULTILINE))
    assert drawn == {
        (before.value, after.value) for before, afters in TRANSITIONS.items() for after in afters
    }
    assert {state.value for state in RunState} <= set(re.findall(r"\w+", text))
    assert Reason.WORKER_DRAINED.value in text


def test_the_repository_speaks_of_itself_alone() -> None:
    """No path of somebody's machine in what is published."""
    bad = [
        path.name
        for path in DOCUMENTS
        if re.search(r"/(home|root|work|Users)/\w", path.read_text(encoding="utf-8"))
    ]
    assert bad == []
