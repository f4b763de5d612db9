"""The state of every random generator that a training may draw from, in types that a checkpoint may hold."""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch


def capture(generators: Sequence[torch.Generator] = ()) -> dict[str, Any]:
    """The states of Python's, numpy's and torch's generators, on every device in use, and of `generators`, in order."""
    version, words, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    state: dict[str, Any] = {
        "python": [version, torch.tensor(words, dtype=torch.int64), gauss],
        "numpy": [kind, torch.from_numpy(np.asarray(keys).astype(np.int64)), position, has_gauss, cached],
        "torch": torch.get_rng_state(),
        "generators": [generator.get_state() for generator in generators],
    }
    # Only whether it is in use: asking whether there is a GPU could spoil later forks.
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        state["cuda"] = torch.cuda.get_rng_state_all()
    if torch.backends.mps.is_available():
        state["mps"] = torch.mps.get_rng_state()
    return state


def restore(state: dict[str, Any], generators: Sequence[torch.Generator] = ()) -> None:
    """Put every generator back into the state that `capture` gave; `generators` may be left out.

    Raises:
        KeyError, ValueError, RuntimeError: the state is none of `capture`'s.
    """
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words.tolist()), gauss))
    kind, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(state["torch"].cpu())
    for generator, inner in zip(generators, state["generators"], strict=False):
        generator.set_state(inner.cpu())
    if "cuda" in state and torch.cuda.is_available():
        for device, inner in zip(range(torch.cuda.device_count()), state["cuda"], strict=False):
            torch.cuda.set_rng_state(inner.cpu(), device)
    if "mps" in state and torch.backends.mps.is_available():
        torch.mps.set_rng_state(state["mps"].cpu())
