"""The Trainer beside its peers and beside bare loops: see the modules of this package, one a comparison.

Everything runs on one torch thread. Contestants take turns (A B C A B C …), so that a drift of the machine hits all
alike, and a ratio is the median of the ratios of the rounds.
"""

from collections.abc import Iterator

from bench.common import Figure


def measure() -> Iterator[Figure]:
    """All comparisons, the longest first."""
    import torch

    from bench.training import checkpoints, nets, rings, scalars, weights

    torch.set_num_threads(1)
    for subject in (rings, nets, weights, checkpoints, scalars):
        yield from subject.measure()
