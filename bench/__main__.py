"""`python -m bench [NAME …]`: measures what the README claims and prints it as a table.

Each figure is a median of at least five, everything of one comparison in the same run.
"""

import importlib
import platform
import sys
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent))

SUBJECTS = {
    "start": "server: start to first 200",
    "launch": "submit to first optimizer step",
    "script": "a script: submit to first line and step",
    "many": "many short runs",
    "submit": "POST /runs from 8 clients",
    "snapshots": "code to a queued run",
    "queue": "a queue of 100,000 runs; sweeps",
    "live": "step to the run page's stream",
    "events": "writing scalars",
    "training": "training",
    "table": "run table of 5,000 runs",
    "charts": "charts of 100 runs",
    "compare": "the workbench beside its peers",
}
MARKS = {True: "✓", False: "✗", None: ""}


def main() -> int:
    """Run the named subjects, or all of them."""
    chosen = sys.argv[1:] or list(SUBJECTS)
    unknown = set(chosen) - set(SUBJECTS)
    if unknown:
        print(f"unknown: {', '.join(sorted(unknown))}; there are: {', '.join(SUBJECTS)}", file=sys.stderr)
        return 2
    memory = psutil.virtual_memory().total / 2**30
    title = f"{psutil.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}, {platform.system()}"
    table = Table("what", "figure", "measured", "aim", "", title=title, title_justify="left")
    missed = 0
    for name in chosen:
        for figure in importlib.import_module(f"bench.{name}").measure():
            print(f"{name}: {figure.name}: {figure.text}", file=sys.stderr)  # the table comes after minutes
            missed += figure.reached is False
            table.add_row(SUBJECTS[name], figure.name, figure.text, figure.aim, MARKS[figure.reached])
    Console(width=140).print(table)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
