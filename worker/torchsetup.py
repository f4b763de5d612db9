"""How torch is set for a run: after the fork, before the recipe."""

import random

from worker.confession import DeviceMissingError
from worker.spec import LaunchSpec


def prepare_torch(spec: LaunchSpec) -> None:
    """Threads, seeds and the device, in that order: nothing of it may happen before the fork."""
    import numpy as np
    import threadpoolctl  # type: ignore[import-untyped] # comes with scikit-learn
    import torch

    torch.set_num_threads(spec.threads)
    threadpoolctl.threadpool_limits(spec.threads, user_api="blas")  # numpy's, held to one until the fork
    random.seed(spec.seed)
    np.random.seed(spec.seed)  # for code that uses the global generator
    torch.manual_seed(spec.seed)
    if spec.device == "cuda" and not torch.cuda.is_available():
        raise DeviceMissingError(
            f"torch {torch.__version__} cannot use the GPU {spec.visible_devices} on this machine; there is: cpu"
        )
    if spec.device == "mps" and not torch.backends.mps.is_available():
        raise DeviceMissingError("torch cannot use mps on this machine; there is: cpu")
