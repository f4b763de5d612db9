"""The words of a run's life, as data: the state machine, the tables' CHECK constraints and the pages read them here."""

from enum import StrEnum


class RunState(StrEnum):
    """Five states, no more; everything finer is a column."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """Whether nothing follows any more."""
        return self in TERMINAL


class Reason(StrEnum):
    """Why a run ended, or went back to the queue."""

    COMPLETED = "completed"
    CANCELLED_BY_USER = "cancelled_by_user"
    EXCEPTION = "exception"
    EXIT_CODE = "exit_code"
    SIGNAL = "signal"
    OUT_OF_MEMORY = "out_of_memory"
    DISK_FULL = "disk_full"
    NON_FINITE_LOSS = "non_finite_loss"
    TIMEOUT = "timeout"
    BAD_PARAMS = "bad_params"
    BAD_DEVICE = "bad_device"
    WORKER_LOST = "worker_lost"
    WORKER_DRAINED = "worker_drained"
    """Only on the edge back to the queue: the worker was stopped, the attempt does not count."""
    POISONED = "poisoned"
    CHECKPOINT_UNREADABLE = "checkpoint_unreadable"
    DEPENDENCY_FAILED = "dependency_failed"
    """The run that it was to follow did not succeed."""
    BAD_ENVIRONMENT = "bad_environment"
    """Its interpreter is missing, or its requirements cannot be met."""

    @property
    def state(self) -> RunState:
        """The state in which a run with this reason ends."""
        if self is Reason.COMPLETED:
            return RunState.SUCCEEDED
        return RunState.CANCELLED if self in _CANCELS else RunState.FAILED


_CANCELS = frozenset({Reason.CANCELLED_BY_USER, Reason.DEPENDENCY_FAILED})
TERMINAL = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED})
TRANSITIONS: dict[RunState, frozenset[RunState]] = {
    RunState.QUEUED: frozenset({RunState.RUNNING, RunState.CANCELLED}),
    RunState.RUNNING: frozenset({*TERMINAL, RunState.QUEUED}),
    RunState.SUCCEEDED: frozenset(),
    RunState.FAILED: frozenset(),
    RunState.CANCELLED: frozenset(),
}
STATES = tuple(state.value for state in RunState)
TERMINAL_STATES = tuple(state.value for state in RunState if state in TERMINAL)
REASONS = tuple(reason.value for reason in Reason)
