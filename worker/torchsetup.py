"""How torch is set for a run: after the fork, before the recipe."""

import random
from typing import Any

from worker.confession import DeviceMissingError
from worker.spec import LaunchSpec

_libraries: list[Any] = []


def survey() -> None:
    """Find the BLAS libraries once, for all forks of this process: looking takes longer than setting."""
    import threadpoolctl  # type: ignore[import-untyped] # comes with scikit-learn

    _libraries[:] = [threadpoolctl.ThreadpoolController().select(user_api="blas")]


def prepare_torch(spec: LaunchSpec) -> None:
    """Threads, seeds and the device, in that order: nothing of it may happen before the fork."""
    import numpy as np
    import torch

    if not _libraries:
        survey()
    torch.set_num_threads(spec.threads)
    _libraries[0].limit(limits=spec.threads)  # numpy's, held to one until the fork
    random.seed(spec.seed)
    np.random.seed(spec.seed)  # for code that uses the global generator
    torch.manual_seed(spec.seed)
    if spec.device == "cuda" and not torch.cuda.is_available():
        raise DeviceMissingError(
            f"torch {torch.__version__} cannot use the GPU {spec.visible_devices} on this machine; there is: cpu"
        )
    if spec.device == "mps" and not torch.backends.mps.is_available():
        raise DeviceMissingError("torch cannot use mps on this machine; there is: cpu")
