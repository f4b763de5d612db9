"""Inside the run process of a script: runs it as `__main__`, here or in another interpreter, and says how it ended.

Exit codes are Python's own. What a script raises stands in `outcome.json`, always marked as if the run had been told
to stop by then: whether it heard SIGTERM only the script knows, so the supervisor's own knowledge decides.
"""

import contextlib
import faulthandler
import os
import signal
import sys
import time
import traceback
from types import ModuleType

from app.runs.words import Reason
from danlu import ranks
from worker import interpreters, outside, plain
from worker.confession import DeviceMissingError, Stop, classify, write_outcome
from worker.interpreters import BadEnvironmentError
from worker.leaving import leave
from worker.spec import OUTCOME_FILE, STATUS_FILE, LaunchSpec, write_whole
from worker.stdio import open_output
from worker.torchsetup import prepare_torch

_ECHO_SECONDS = 5.0


def main(spec: LaunchSpec) -> int:
    """Run the script of the attempt, or become the interpreter that does; returns the exit code in the former case."""
    open_output()
    (spec.run_dir / OUTCOME_FILE).unlink(missing_ok=True)
    try:
        interpreters.prepare(spec)
        how = interpreters.choose(spec)
        _say_training(spec)
        if how.argv:
            interpreters.become(spec, how)
        outside.record(str(spec.run_dir), {**interpreters.known(spec), "start": "warm"})
        os.environ.update(interpreters.surroundings(spec, sys.executable))
        if spec.processes > 1:
            return _ranks(spec)
        return _run(spec)
    except BadEnvironmentError as error:
        return _refuse(spec, Reason.BAD_ENVIRONMENT, str(error))
    except DeviceMissingError as error:
        return _refuse(spec, Reason.BAD_DEVICE, str(error))
    except OSError as error:
        return _refuse(spec, *classify(error, spec.run_dir))


def _refuse(spec: LaunchSpec, reason: Reason, text: str) -> int:
    """The script was not begun: say why, once for people and once for the supervisor."""
    print(f"danlu: {text}", file=sys.stderr)  # noqa: T201 - the run's own log
    _write(spec, reason, text)
    return 1


def _write(spec: LaunchSpec, reason: Reason, detail: str) -> None:
    stop = Stop()
    stop.ask()  # see above: nobody here knows
    write_outcome(spec, reason, detail, stop)


def _say_training(spec: LaunchSpec) -> None:
    with contextlib.suppress(OSError):  # a full disk costs the news, never the run
        write_whole(spec.run_dir / STATUS_FILE, '{"phase": "training"}')


def _run(spec: LaunchSpec) -> int:
    """Run the script here, to the end that Python would give it."""
    prepare_torch(spec)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    faulthandler.enable()  # a segfault leaves its Python stack in the log
    module = plain.become(spec.run_dir, spec.entrypoint, spec.args, spec.env)
    mine = os.getpid()
    code, error = _execute(module, str(spec.run_dir / spec.entrypoint))
    if error is not None:
        # Its own child may come to its end here, too: only the process that was started speaks for the run.
        _report(error, spec if os.getpid() == mine else None)
        del error
    leave(module)
    if code == -signal.SIGINT:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    return code


def _execute(module: ModuleType, path: str) -> tuple[int, BaseException | None]:
    """The exit code, and what the script has died of if it did."""
    try:
        outside.execute(module, path)
    except SystemExit as leaving:
        return _exit_code(leaving), None
    except KeyboardInterrupt as error:
        return -signal.SIGINT, error
    except BaseException as error:  # noqa: BLE001 - a script may raise anything at all
        return 1, error
    return 0, None


def _exit_code(leaving: SystemExit) -> int:
    """What Python makes of `sys.exit(value)`."""
    if leaving.code is None:
        return 0
    if isinstance(leaving.code, int):
        return leaving.code & 0xFF
    with contextlib.suppress(Exception):  # stderr may have been closed or replaced by the script
        print(leaving.code, file=sys.stderr)  # noqa: T201 - what Python does with sys.exit("text")
    return 1


def _report(error: BaseException, spec: LaunchSpec | None) -> None:
    """Print the traceback as Python does, through the script's own hook where it has one, and write the reason down."""
    if spec is not None and spec.processes > 1:
        _wait_for_the_first(error)
    if spec is not None and not isinstance(error, KeyboardInterrupt):
        rank = f"rank {ranks.number()}: " if spec.processes > 1 else ""
        if not rank or not (spec.run_dir / OUTCOME_FILE).exists():
            reason, detail = classify(error, spec.run_dir)
            _write(spec, reason, rank + detail)
    frames = outside.without(error.__traceback__, __file__, outside.__file__)
    error = error.with_traceback(frames)
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, frames
    try:
        sys.excepthook(type(error), error, frames)
    except BaseException as broken:  # noqa: BLE001 - the script's hook may raise anything as well
        print("Error in sys.excepthook:", file=sys.stderr)  # noqa: T201 - Python's own words
        broken = broken.with_traceback(outside.without(broken.__traceback__, __file__))
        traceback.print_exception(broken)
        print("\nOriginal exception was:", file=sys.stderr)  # noqa: T201
        sys.__excepthook__(type(error), error, frames)
    del sys.last_type, sys.last_value, sys.last_traceback


def _ranks(spec: LaunchSpec) -> int:
    """Run the script in `spec.processes` forks of this process, as `torchrun --nproc-per-node` does; an exit code."""

    def work() -> None:
        code = _rank(spec)
        if code:
            os._exit(code)  # without waiting for the others: torchrun's agent ends them

    try:
        ranks.launch(spec.processes, work, spec.threads)
    except ranks.RankFailed as failed:
        print(f"danlu: {str(failed).partition(chr(10))[0]}", file=sys.stderr)  # noqa: T201 - the run's own log
        return 1
    except SystemExit as asked:
        return _exit_code(asked)
    return 0


def _rank(spec: LaunchSpec) -> int:
    try:
        return _run(spec)
    except DeviceMissingError as error:
        return _refuse(spec, Reason.BAD_DEVICE, str(error))


def _wait_for_the_first(error: BaseException) -> None:
    """A rank that only lost its connection waits until the agent ends it: another one has died, and is heard first."""
    if ranks.is_echo(error):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        time.sleep(_ECHO_SECONDS)
