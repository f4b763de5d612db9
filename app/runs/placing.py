"""On what a run is placed: the device that it asks for, how many processes it has, what a worker offers. Pure functions.

On the CPU a run takes one slot, however many processes share it. On CUDA each process gets a GPU of its own, and all of
them are of one worker. Names of devices are concrete (`cpu`, `cuda:0`, `mps`), accelerators first, as workers list them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

MAX_PROCESSES = 64


def gpus(devices: Iterable[str]) -> list[str]:
    """The NVIDIA GPUs among them, in their order."""
    return [device for device in devices if device.startswith("cuda")]


def place(asked: str, processes: int, free: Sequence[str], here: Sequence[str]) -> tuple[str, ...]:
    """The devices that a run takes on a worker; none where it cannot start there now.

    With several processes `auto` means GPUs where the worker has enough of them, free or not, and else the CPU.
    `cuda:N` comes first, then the GPUs after it, then those before it.

    Args:
        asked: auto, cpu, cuda, cuda:N or mps.
        free: the worker's devices with a free slot.
        here: all devices of the worker; the same as `free` tells whether it could ever start there.
    """
    if asked == "auto":
        if processes == 1:
            return tuple(free[:1])
        asked = "cuda" if len(gpus(here)) >= processes else "cpu"
    if not asked.startswith("cuda"):
        fits = asked in free and (processes == 1 or asked == "cpu")
        return (asked,) if fits else ()
    cards = gpus(free)
    if asked != "cuda":
        start = cards.index(asked) if asked in cards else 0
        cards = cards[start:] + cards[:start] if asked in cards else []
    return tuple(cards[:processes]) if len(cards) >= processes else ()


def waits_for_gpus(asked: str, processes: int, free: Sequence[str], here: Sequence[str]) -> bool:
    """Whether it takes several GPUs of this worker as soon as enough of them are free."""
    return not place(asked, processes, free, here) and len(place(asked, processes, here, here)) > 1


Asks = tuple[str, int, int]
"""A device as asked for, with the least and the greatest number of processes."""


def table(devices: Iterable[str], suits: Callable[[str, int], bool]) -> list[Asks]:
    """What can be asked for and suits, in a form that a query can compare with: stretches of numbers of processes.

    Args:
        devices: those that there are; a `cuda:N` that is not among them never suits.
        suits: of a device as asked for and a number of processes. It must answer the same for every number above that
            of the GPUs, except one.
    """
    cards = gpus(devices)
    last = min(max(1, len(cards)) + 1, MAX_PROCESSES)
    found: list[Asks] = []
    for asked in ("auto", "cpu", "mps", "cuda", *cards):
        for processes in range(1, last + 1):
            if not suits(asked, processes):
                continue
            upto = processes if processes < last else MAX_PROCESSES
            if found and found[-1][0] == asked and found[-1][2] == processes - 1:
                found[-1] = (asked, found[-1][1], upto)
            else:
                found.append((asked, processes, upto))
    return found


def needs(asked: str, processes: int) -> str:
    """What a run asks for, as the object of a sentence."""
    if processes == 1 or asked == "cpu":
        return asked
    if asked == "mps":
        return f"mps for {processes} processes"
    if asked == "auto":
        return f"{processes} GPUs at once, or the CPU"
    together = f"{processes} GPUs at once"
    return together if asked == "cuda" else f"{together} with {asked} among them"


def refusal(asked: str, processes: int, offers: Mapping[str, Iterable[str]]) -> str:
    """Why a run can be placed nowhere, with what there is: one sentence.

    Args:
        offers: the devices of each live worker, by its name.
    """
    if processes == 1:
        there = ", ".join(sorted({device for devices in offers.values() for device in devices}))
        return f"no worker offers the device {asked}; there is: {there or 'none'}"
    # Which of them are of one worker is the point here.
    parts = (f"{', '.join(sorted(devices)) or 'nothing'} on {name}" for name, devices in offers.items())
    return f"no worker offers {needs(asked, processes)}; there is: {'; '.join(parts) or 'none'}"
