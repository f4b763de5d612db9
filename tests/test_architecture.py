"""The rules of the house that a machine can check: who imports whom, who commits, who writes a state, who tells the time.

A line may be let through with a comment `# rule: <name> because …`.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("app", "danlu", "worker")
MAX_LINES = 300
MAX_FUNCTION = 50
CORE = (
    "app.clock", "app.config", "app.db", "app.disk", "app.errors", "app.experiments.slugs", "app.migrate", "app.models",
    "app.paths", "app.runs.logfile", "app.runs.placing", "app.runs.queue", "app.runs.states",
    "app.runs.untrusted", "app.runs.words", "app.workers",
)  # fmt: skip
FORESTS = {
    ("app.compare.importance", "sklearn"),
    ("app.compare.importance", "scipy"),
    ("app.compare.seeds.statistics", "scipy"),
}
"""Imported at the first request for it; `test_torch_stays_out_of` and the next one see that a start does without."""
SQL_MODULES = ("endings", "queries", "queue", "states", "store", "db", "migrate", "models", "sql")


def sources(*packages: str) -> list[Path]:
    return [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path, *, top_level_only: bool = False) -> Iterator[tuple[str, int]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = _runtime(tree) if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node.lineno
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node.lineno


def _runtime(tree: ast.Module) -> Iterator[ast.stmt]:
    """Statements that run on import: not those inside functions, not those for the type checker."""
    todo: list[ast.stmt] = list(tree.body)
    while todo:
        node = todo.pop()
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.unparse(node.test):
            todo += node.body + node.orelse
        elif isinstance(node, ast.Try):
            todo += node.body + node.orelse + node.finalbody


def within(module: str, roots: tuple[str, ...]) -> bool:
    return any(module == root or module.startswith(root + ".") for root in roots)


def test_app_imports_neither_worker_nor_torch() -> None:
    bad = [
        f"{name_of(path)}:{line} imports {module}"
        for path in sources("app")
        for module, line in imports(path)
        if within(module, ("worker", "torch", "matplotlib", "sklearn", "scipy"))
        and (name_of(path), module.split(".")[0]) not in FORESTS
    ]
    assert bad == []


def test_worker_imports_the_core_of_the_app_only() -> None:
    bad = [
        f"{name_of(path)}:{line} imports {module}"
        for path in sources("worker")
        for module, line in imports(path)
        if module.startswith("app.")
        and not (within(module, CORE) or any(core.startswith(module + ".") for core in CORE))
    ]
    assert bad == []


def test_danlu_imports_app_and_worker_in_commands_only_and_lazily() -> None:
    bad = []
    for path in sources("danlu"):
        command = "commands" in path.parts or path.name == "cli.py"
        for module, line in imports(path, top_level_only=command):
            if within(module, ("app", "worker")):
                bad.append(f"{name_of(path)}:{line} imports {module}")
    assert bad == []


@pytest.mark.parametrize(
    "module", ["danlu", "danlu.cli", "danlu.board", "danlu.recipe", "app.main", "worker.loop"]
)
def test_torch_stays_out_of(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_server_starts_without_scikit_learn() -> None:
    code = "import sys, app.main; sys.exit('sklearn' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_only_db_commits() -> None:
    bad = [
        f"{name_of(path)}:{node.lineno}"
        for path in sources("app", "worker")
        if name_of(path) not in {"app.db", "app.migrate"}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "commit"
    ]
    assert bad == []


def test_only_states_writes_a_runs_state() -> None:
    """Assignments to `run.state`, and `Run.state` or `state=` inside an UPDATE of runs."""
    bad = []
    for path in sources("app", "worker"):
        if name_of(path) == "app.runs.states":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    if (
                        isinstance(target, ast.Attribute)
                        and target.attr == "state"
                        and ast.unparse(target.value) == "run"
                    ):
                        bad.append(f"{name_of(path)}:{node.lineno}")
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "values"
            ):
                text = ast.unparse(node)
                if "update(Run)" in text and any(keyword.arg == "state" for keyword in node.keywords):
                    bad.append(f"{name_of(path)}:{node.lineno}")
    assert bad == []


def test_only_the_clock_tells_the_time() -> None:
    bad = []
    for path in sources("app", "worker"):
        if name_of(path) == "app.clock" or "recipes" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {
                "datetime.now",
                "datetime.utcnow",
                "time.time",
            }:
                bad.append(f"{name_of(path)}:{node.lineno}")
    assert bad == []


def test_sql_stands_in_its_modules_only() -> None:
    bad = []
    for path in sources("app", "worker"):
        if (
            path.stem in SQL_MODULES
            or path.parent.name in {"listing", "models"}
            or path.stem.startswith("sql")
        ):
            continue
        for module, line in imports(path):
            if module in {
                "sqlalchemy.select",
                "sqlalchemy.update",
                "sqlalchemy.insert",
                "sqlalchemy.delete",
                "sqlalchemy.text",
            }:
                bad.append(f"{name_of(path)}:{line} imports {module}")
    assert bad == []


@pytest.mark.parametrize("module", ["app/tensorboard/process.py"])
def test_pure_modules_import_nothing_of_ours(module: str) -> None:
    allowed = ("app.config", "app.errors", "app.tensorboard.launcher", "app.tensorboard.stderrlog")
    bad = [
        name
        for name, _ in imports(ROOT / module)
        if within(name, PACKAGES) and not within(name, allowed) and name != "app.tensorboard"
    ]
    assert bad == []


def test_no_base_http_middleware() -> None:
    """It buffers and breaks streams."""
    assert [
        name_of(path) for path in sources("app") if "BaseHTTPMiddleware" in path.read_text(encoding="utf-8")
    ] == []


def test_modules_and_functions_stay_small() -> None:
    long = []
    for path in sources(*PACKAGES):
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > MAX_LINES:
            long.append(f"{name_of(path)}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _length(node) > MAX_FUNCTION:
                long.append(f"{name_of(path)}.{node.name}: {_length(node)} lines")
    assert long == []


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and len(node.body) > 1:
        first = node.body[1]  # a docstring may be long
    return (node.end_lineno or 0) - first.lineno + 1


def test_tests_do_not_sleep() -> None:
    bad = [
        str(path.relative_to(ROOT))
        for path in sources("tests")
        if path.name not in {"waiting.py", Path(__file__).name} and "fakes" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"time.sleep", "asyncio.sleep", "page.wait_for_timeout"}
    ]
    assert bad == []
