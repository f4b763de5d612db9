"""Scripts in a fork of the warm process: what they find is what `python train.py` would give them."""

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from attempts import ended

from scripts import kept, log_of, outcome, record_of, text_of
from worker.environment import allowed_environment
from worker.launch import Exited, Launcher


def cold(source: str, folder: Path, *args: str, entrypoint: str = "train.py") -> str:
    """What plain Python prints for the same script in a folder of its own."""
    path = folder / entrypoint
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    env = allowed_environment() | {"PYTHONHASHSEED": "0"}
    done = subprocess.run(
        [sys.executable, entrypoint, *args], cwd=folder, env=env, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.stdout + done.stderr


BEGINNING = """
import builtins, json, os, signal, sys, threading
main = sys.modules["__main__"]
import multiprocessing, multiprocessing.process, logging, warnings, asyncio
print(json.dumps({
    "names": sorted(name for name in vars(main)),
    "name": __name__, "package": __package__, "spec": __spec__, "doc": __doc__, "cached": globals().get("__cached__", "none"),
    "annotations": repr(globals().get("__annotations__")), "builtins": __builtins__ is builtins,
    "loader": [type(__loader__).__name__, __loader__.name, __loader__.path],
    "is main": vars(main) is globals(),
    "argv": sys.argv, "orig_argv": sys.orig_argv, "path": sys.path, "executable": sys.executable, "prefix": sys.prefix,
    "file": __file__, "cwd": os.getcwd(), "stdin": sys.stdin.read(), "tty": sys.stdout.isatty(),
    "streams": [sys.stdout.name, sys.stderr.name, sys.stdin.name, sys.stdout.encoding, sys.stderr.errors],
    "same": [sys.stdout is sys.__stdout__, sys.stderr is sys.__stderr__, sys.stdin is sys.__stdin__],
    "signals": {number.name: repr(signal.getsignal(number)) for number in
                (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD, signal.SIGUSR1)},
    "blocked": repr(signal.pthread_sigmask(signal.SIG_BLOCK, [])), "wakeup": signal.set_wakeup_fd(-1),
    "thread": [threading.current_thread().name, threading.active_count(), threading.current_thread() is threading.main_thread()],
    "process": [multiprocessing.current_process().name, multiprocessing.parent_process(), multiprocessing.active_children()],
    "original": multiprocessing.process.ORIGINAL_DIR, "start method": multiprocessing.get_start_method(True),
    "mp main": sys.modules["__mp_main__"] is main,
    "logging": [logging.root.level, len(logging.root.handlers), logging.getLogger("app").handlers],
    "hooks": [sys.excepthook is sys.__excepthook__, threading.excepthook is threading.__excepthook__, sys.gettrace()],
    "exception": repr(sys.exc_info()), "recursion": sys.getrecursionlimit(), "umask": os.umask(0o22),
    "flags": repr(sys.flags).split(", "), "ours": sorted({name.partition(".")[0] for name in sys.modules} & {"app", "worker"}),
    "warnings": [str(entry) for entry in warnings.filters if entry[2] is DeprecationWarning and entry[1] is None and entry[3] == "__main__"],
    "unset": [name for name in os.environ if name in ("DANLU_MARK", "DANLU_PRELOAD", "OPENBLAS_NUM_THREADS")],
}, default=repr))
"""


def test_the_beginning_is_that_of_plain_python(launcher: Launcher, run_script: Any, tmp_path: Path) -> None:
    handle = run_script(BEGINNING, "--lr", "0.1", "a b")
    found = json.loads(text_of(launcher, handle))
    expected = json.loads(cold(BEGINNING, tmp_path / "cold", "--lr", "0.1", "a b"))
    here, there = str(handle.spec.run_dir), str(tmp_path / "cold")
    assert found == json.loads(json.dumps(expected).replace(there, here))


def test_an_entrypoint_in_a_folder(launcher: Launcher, run_script: Any, tmp_path: Path) -> None:
    source = "import sys, os, helper\nprint(sys.argv, sys.path[0], __file__, os.getcwd(), helper.VALUE)"
    files = {"src/helper.py": "VALUE = 5\n"}
    handle = run_script(source, _entrypoint="src/train.py", _files=files)
    (tmp_path / "cold" / "src").mkdir(parents=True)
    (tmp_path / "cold" / "src" / "helper.py").write_text("VALUE = 5\n")
    expected = cold(source, tmp_path / "cold", entrypoint="src/train.py")
    assert text_of(launcher, handle) == expected.replace(str(tmp_path / "cold"), str(handle.spec.run_dir))


ENDINGS = {
    "returns": ("print('x')", 0),
    "none": ("raise SystemExit", 0),
    "code": ("import sys; sys.exit(3)", 3),
    "large": ("import sys; sys.exit(259)", 3),
    "negative": ("import sys; sys.exit(-1)", 255),
    "text": ("import sys; sys.exit('no data')", 1),
    "true": ("import sys; sys.exit(True)", 1),
    "hard": ("import os; os._exit(7)", 7),
    "raises": ("def f():\n    raise ValueError('it is wrong')\nf()", 1),
    "chained": ("try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise KeyError('k') from e", 1),
    "context": ("try:\n    1 / 0\nfinally:\n    [][1]", 1),
    "group": ("raise ExceptionGroup('g', [ValueError(1), TypeError(2)])", 1),
    "syntax": ("x = 1\nif True\n    pass\n", 1),
    "interrupt": ("raise KeyboardInterrupt", -2),
    "hook": (
        "import sys\nsys.excepthook = lambda *a: print('hook', a[0].__name__, a[2].tb_lineno)\n1 / 0",
        1,
    ),
    "bad hook": ("import sys\ndef h(*a): raise RuntimeError('in the hook')\nsys.excepthook = h\n1 / 0", 1),
    "atexit": (
        "import atexit\natexit.register(print, 'first')\natexit.register(print, 'second')\nprint('body')",
        0,
    ),
    "atexit after": ("import atexit\natexit.register(print, 'still')\n1 / 0", 1),
    "atexit raises": ("import atexit\natexit.register(lambda: 1 / 0)", 0),
    "thread": (
        "import threading, time\nthreading.Thread(target=lambda: (time.sleep(.2), print('late'))).start()\nprint('body')",
        0,
    ),
    "thread raises": ("import threading\nt = threading.Thread(target=lambda: 1 / 0)\nt.start(); t.join()", 0),
    "pool": (
        "from concurrent.futures import ThreadPoolExecutor as T\nimport time\nfuture = T(2).submit(time.sleep, 0.2)\nprint('body')",
        0,
    ),
    "finalizer": (
        "class A:\n    def __del__(self): print('gone')\na = A()\nb = [a]; b.append(b)\nprint('body')",
        0,
    ),
    "warning": ("import warnings\nwarnings.warn('careful')\nwarnings.warn('old', DeprecationWarning)", 0),
    "stderr closed": ("import sys\nsys.stderr = None\nprint('x')", 0),
    "killed": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", -9),
    "terminated": ("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\nprint('alive')", -15),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_it_ends_as_in_plain_python(name: str, launcher: Launcher, run_script: Any, tmp_path: Path) -> None:
    source, status = ENDINGS[name]
    handle = run_script(source)
    state = ended(launcher, handle)
    assert isinstance(state, Exited)
    assert state.status == status
    plain = cold(source, tmp_path / "cold").replace(str(tmp_path / "cold"), str(handle.spec.run_dir))
    assert same(log_of(handle)) == same(plain)


def same(text: str) -> list[str]:
    """Without addresses, and in any order: two streams in one log, or one behind the other."""
    return sorted(re.sub(r"0x[0-9a-f]+", "0x", text).splitlines())


LIBRARIES = """
import inspect, multiprocessing, os, pickle, random, sys, warnings
import numpy, torch
from concurrent.futures import ProcessPoolExecutor
from torch.utils.data import DataLoader, Dataset

CONSTANT = os.getpid()

class Squares(Dataset):
    def __len__(self): return 6
    def __getitem__(self, i): return torch.tensor(i * i), os.getpid()

def double(x):
    return 2 * x, __name__, sys.argv[1:], os.getcwd()

def rank(number, queue):
    queue.put((number, CONSTANT == os.getpid()))

if __name__ == "__main__":
    for method, workers in (("fork", 2), ("spawn", 1)):
        loaded = list(DataLoader(Squares(), batch_size=3, num_workers=workers, multiprocessing_context=method))
        print(method, [batch.tolist() for batch, _ in loaded], os.getpid() in torch.cat([p for _, p in loaded]).tolist())
    with multiprocessing.get_context("fork").Pool(1) as pool:
        print(pool.map(double, [1, 2]))
    with ProcessPoolExecutor(1, multiprocessing.get_context("forkserver")) as pool:
        print(list(pool.map(double, [3])))
    with multiprocessing.Manager() as manager:
        print(manager.list([1, 2])[1])
    queue = multiprocessing.get_context("spawn").SimpleQueue()
    torch.multiprocessing.spawn(rank, (queue,), nprocs=1)
    print(sorted(queue.get() for _ in range(1)))
    print(pickle.loads(pickle.dumps(Squares())).__class__ is Squares, pickle.dumps(double))
    print(inspect.getsource(double), inspect.getsourcefile(Squares), inspect.getmodule(double).__name__)
    print(torch.get_num_threads() > 0, multiprocessing.active_children())
"""


def test_processes_of_its_own_begin_with_the_script(
    launcher: Launcher, run_script: Any, tmp_path: Path
) -> None:
    handle = run_script(LIBRARIES, "--x")
    expected = cold(LIBRARIES, tmp_path / "cold", "--x").replace(
        str(tmp_path / "cold"), str(handle.spec.run_dir)
    )
    assert text_of(launcher, handle) == expected
    assert "True" in expected


def test_own_modules_named_like_ours_or_like_what_is_loaded(launcher: Launcher, run_script: Any) -> None:
    names = (
        "app",
        "worker",
        "danlu",
        "utils",
        "runs",
        "psutil_",
        "tensorboard_",
        "token",
        "statistics",
        "spec",
    )
    source = f"import {', '.join(names)}\nprint([{', '.join(f'{name}.MINE' for name in names)}])\n"
    source += "import app.sub, torch, sys\nprint(app.sub.DEEP, sorted(m for m in sys.modules if m.startswith(('app', 'danlu'))))"
    files = {f"{name}.py": "MINE = 1\n" for name in names if name != "app"}
    files |= {"app/__init__.py": "MINE = 1\n", "app/sub.py": "DEEP = 2\n"}
    text = text_of(launcher, run_script(source, _files=files))
    assert text == f"{[1] * len(names)}\n2 ['app', 'app.sub', 'danlu']\n"
    assert record_of(launcher.handles[-1])["start"] == "warm"


def test_what_cannot_be_had_warm_starts_cold(launcher: Launcher, run_script: Any) -> None:
    handle = run_script("import numpy\nprint(numpy.MINE)", _files={"numpy/__init__.py": "MINE = 1\n"})
    assert text_of(launcher, handle) == "1\n"
    record = record_of(handle)
    assert record["start"] == "cold"
    assert "numpy" in record["why"]
    source = "import os, sys\nprint(sys.flags.optimize, os.environ['MINE'])\nassert False"
    handle = run_script(source, _env={"PYTHONOPTIMIZE": "1", "MINE": "2"})
    assert text_of(launcher, handle) == "1 2\n"


def test_a_script_may_write_over_and_beside_its_own_files(launcher: Launcher, run_script: Any) -> None:
    source = """
from pathlib import Path
here = Path(__file__).resolve().parent
print(here == Path.cwd(), (here / "data" / "in.csv").read_text(), Path("results.csv").read_text())
(here / "results.csv").write_text("new")
(here / "data" / "out.csv").write_text("made")
(here / "runs").mkdir()
"""
    files = {"data/in.csv": "1,2", "results.csv": "old", "left/alone.txt": "x", "run.json": "theirs"}
    handle = run_script(source, _files=files)
    folder, snapshot = handle.spec.run_dir, handle.spec.snapshot_dir
    assert text_of(launcher, handle) == "True 1,2 old\n"
    assert (snapshot / "results.csv").read_text() == "old"
    assert kept(folder) == ["data", "data/out.csv", "results.csv", "runs"]


def test_a_second_attempt_keeps_what_the_first_has_written(launcher: Launcher, run_script: Any) -> None:
    source = "from pathlib import Path\nf = Path('state.txt')\nprint(f.read_text())\nf.write_text(f.read_text() + '!')"
    first = run_script(source, _files={"state.txt": "new"})
    assert text_of(launcher, first) == "new\n"
    second = run_script(source, _files={"state.txt": "new"}, _run_dir=first.spec.run_dir, _attempt=2)
    assert text_of(launcher, second).endswith("new!\n")


def test_half_a_copy_is_made_again(launcher: Launcher, run_script: Any, tmp_path: Path) -> None:
    folder = tmp_path / "torn"
    (folder / ".danlu").mkdir(parents=True)
    (folder / ".danlu" / "laying").touch()
    (folder / "data.txt").write_text("ha")
    handle = run_script("print(open('data.txt').read())", _files={"data.txt": "half"}, _run_dir=folder)
    assert text_of(launcher, handle) == "half\n"


def test_event_files_that_came_with_the_code_are_links(launcher: Launcher, run_script: Any) -> None:
    source = "from pathlib import Path\np = Path('runs/old.tfevents.1')\nprint(p.is_symlink(), p.read_text())"
    handle = run_script(source, _files={"runs/old.tfevents.1": "old"})
    assert text_of(launcher, handle) == "True old\n"
    assert not (handle.spec.run_dir / "runs").exists()


def test_constants_are_given_their_values(launcher: Launcher, run_script: Any) -> None:
    source = "LR = 0.1\nEPOCHS = 5\nimport multiprocessing as mp\n"
    source += "def f(q): q.put((LR, EPOCHS))\nif __name__ == '__main__':\n  q = mp.get_context('spawn').SimpleQueue()\n"
    source += "  p = mp.get_context('spawn').Process(target=f, args=(q,)); p.start(); print(LR, q.get()); p.join()\n"
    handle = run_script(source, _constants={"LR": 0.5})
    assert text_of(launcher, handle) == "0.5 (0.5, 5)\n"


def test_files_that_nobody_closed_are_whole(launcher: Launcher, run_script: Any) -> None:
    source = (
        "import gzip\nf = open('a.txt', 'w')\nf.write('x' * 10)\ng = gzip.open('b.gz', 'wt')\ng.write('y')\n"
    )
    source += "keep = []\nkeep.append((keep, open('c.txt', 'w')))\nkeep[0][1].write('z')"
    handle = run_script(source)
    text_of(launcher, handle)
    folder = handle.spec.run_dir
    assert (folder / "a.txt").read_text() == "x" * 10
    assert (folder / "c.txt").read_text() == "z"
    assert gzip.decompress((folder / "b.gz").read_bytes()) == b"y"


def test_the_seed_and_the_threads(launcher: Launcher, run_script: Any) -> None:
    source = "import random, numpy, torch\nprint(random.random(), numpy.random.rand(), torch.rand(1).item(), torch.get_num_threads())"
    handles = [run_script(source, _seed=seed, _threads=1) for seed in (1, 1, 2)]
    first, second, third = (text_of(launcher, handle) for handle in handles)
    assert first == second != third
    assert first.endswith(" 1\n")
    again = run_script(source, _seed=1, _threads=1, _environment_name="cold")
    assert text_of(launcher, again) == first


def test_a_child_that_comes_to_the_end_of_the_script_says_nothing_for_the_run(
    launcher: Launcher, run_script: Any
) -> None:
    handle = run_script(
        "import os\npid = os.fork()\nif pid == 0: raise ValueError('child')\nos.waitpid(pid, 0)\nprint('parent')"
    )
    assert outcome(launcher, handle)[0] == "completed"
    assert "ValueError: child" in log_of(handle)


def test_another_interpreter_shows_no_frames_of_ours(
    launcher: Launcher, run_script: Any, tmp_path: Path
) -> None:
    source = "def f():\n    1 / 0\nprint(__name__, __file__)\nf()"
    handle = run_script(source, _environment_name="cold")
    assert outcome(launcher, handle) == ("exit_code", "exit code 1", 1)
    plain = cold(source, tmp_path / "cold").replace(str(tmp_path / "cold"), str(handle.spec.run_dir))
    assert log_of(handle) == plain


def test_what_it_raised_is_the_reason(launcher: Launcher, run_script: Any) -> None:
    assert outcome(launcher, run_script("raise ValueError('it is wrong')")) == (
        "exception",
        "ValueError: it is wrong",
        1,
    )
    assert outcome(launcher, run_script("raise MemoryError"))[0] == "out_of_memory"
    assert outcome(launcher, run_script("import sys; sys.exit(4)")) == ("exit_code", "exit code 4", 4)
    reason, detail, _ = outcome(launcher, run_script("import os\nos.kill(os.getpid(), 9)"))
    assert (reason, detail) == ("signal", "killed by SIGKILL (9)")


RANKS = """
import os, sys
import torch, torch.distributed as dist
dist.init_process_group("gloo")
x = torch.ones(1) * (dist.get_rank() + 1)
dist.all_reduce(x)
names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR")
told = [os.environ[name] for name in names]
sys.stdout.write(f"{' '.join(told)} {x.item()} {__name__} {sys.argv} {os.environ['MASTER_PORT'].isdigit()}\\n")
if len(sys.argv) > 1 and dist.get_rank() == 1:
    raise ValueError("rank one is wrong")
dist.barrier()
dist.destroy_process_group()
"""


@pytest.mark.parametrize("environment", ["worker", "cold"])
def test_ranks_run_the_script_as_torchrun_does(environment: str, launcher: Launcher, run_script: Any) -> None:
    handle = run_script(RANKS, _processes=2, _environment_name=environment)
    lines = sorted(line for line in text_of(launcher, handle).splitlines() if line[:1] in "01")
    assert lines == [
        f"{rank} {rank} 2 2 {lines[0].split()[4]} 3.0 __main__ ['train.py'] True" for rank in (0, 1)
    ]


def test_a_rank_that_fails_is_named(launcher: Launcher, run_script: Any) -> None:
    handle = run_script(RANKS, "fail", _processes=2)
    assert outcome(launcher, handle) == ("exception", "rank 1: ValueError: rank one is wrong", 1)
    assert log_of(handle).count("ValueError: rank one is wrong") == 1
    assert "/worker/" not in log_of(handle)
