"""Why a queued run waits, in words."""

import pytest
from factories import NOW, later

from app.models import Run
from app.queue.waiting import Busy, Facts, Offer, waiting_reason


def offer(*devices: str, name: str = "box", runs: tuple[Busy, ...] = (), slots: int = 1) -> Offer:
    published = [{"device": device, "name": device, "slots": slots} for device in devices]
    return Offer(name, published, draining=False, runs=runs)


def on(device: str, number: int = 17, name: str = "rings", processes: int = 1) -> Busy:
    return Busy(number, name, device, processes)


TWO = offer("cuda:0", "cuda:1", "cpu")
CPU = offer("cpu", name="mini")


@pytest.mark.parametrize(
    ("device", "processes", "position", "offers", "says"),
    [
        ("cuda", 2, 1, [TWO], "next; waits for 2 free GPUs of one worker"),
        ("cuda", 2, 3, [TWO, CPU], "2 ahead of you; waits for 2 free GPUs of one worker"),
        ("auto", 2, 1, [TWO], "next; waits for 2 free GPUs of one worker"),
        ("auto", 2, 1, [TWO, CPU], "next; a worker takes it in a moment"),
        ("auto", 2, 1, [CPU], "next; a worker takes it in a moment"),
        ("cpu", 9, 2, [TWO], "1 ahead of you"),
        ("cuda", 1, 1, [TWO], "next; a worker takes it in a moment"),
        ("cuda", 3, 1, [TWO, TWO], "needs 3 GPUs at once; available: cpu, cuda:0, cuda:1"),
        (
            "cuda:1",
            3,
            1,
            [TWO],
            "needs 3 GPUs at once with cuda:1 among them; available: cpu, cuda:0, cuda:1",
        ),
        ("cuda:7", 1, 1, [CPU], "needs cuda:7; available: cpu"),
        ("mps", 2, 1, [offer("mps")], "needs mps for 2 processes; available: mps"),
        ("auto", 1, 1, [offer()], "needs auto; available: nothing"),
        ("cpu", 1, 1, [], "no worker is up"),
        ("cpu", 1, 1, [Offer("box", TWO.devices, draining=True)], "the worker is shutting down"),
    ],
)
def test_what_a_run_waits_for(
    device: str, processes: int, position: int, offers: list[Offer], says: str
) -> None:
    run = Run(state="queued", device=device, processes=processes)
    assert waiting_reason(run, position, Facts(NOW, offers)) == says


def gpu_box(*runs: Busy) -> Offer:
    return offer("cuda:0", "cuda:1", "cpu", runs=runs)


FULL = (on("cuda:0", 17), on("cuda:1", 18, "digits"), on("cpu", 19, "iris"))


@pytest.mark.parametrize(
    ("device", "processes", "position", "offers", "says"),
    [
        ("cuda:1", 1, 3, [gpu_box(on("cuda:1"))], "2 ahead of you; needs cuda:1, busy with #17 rings"),
        ("cuda:0", 1, 3, [gpu_box(on("cuda:1"))], "2 ahead of you"),
        ("cuda", 1, 1, [gpu_box(on("cuda:1"))], "next; a worker takes it in a moment"),
        ("cuda", 1, 1, [gpu_box(*FULL)], "next; needs cuda, busy with #17 rings and #18 digits"),
        ("cpu", 1, 2, [gpu_box(*FULL)], "1 ahead of you; needs cpu, busy with #19 iris"),
        ("auto", 1, 1, [gpu_box(*FULL)], "next; all slots are busy with #17 rings, #18 digits and 1 other"),
        ("auto", 1, 1, [gpu_box(*FULL), CPU], "next; a worker takes it in a moment"),
        ("auto", 1, 1, [offer("cpu", slots=2, runs=(on("cpu"),))], "next; a worker takes it in a moment"),
        ("cuda", 2, 1, [gpu_box(on("cuda:1"))],
         "next; waits for 2 free GPUs of one worker, busy with #17 rings"),
        # of a run on several GPUs only the first is on record
        ("cuda:1", 1, 1, [gpu_box(on("cuda:0", processes=2))], "next; needs cuda:1, busy with #17 rings"),
        ("cuda:0", 1, 1, [gpu_box(on("cuda:1", processes=2))], "next; needs cuda:0, busy with #17 rings"),
        ("cpu", 1, 1, [gpu_box(on("cuda:1", processes=2))], "next; a worker takes it in a moment"),
    ],
)  # fmt: skip
def test_what_is_in_its_way(
    device: str, processes: int, position: int, offers: list[Offer], says: str
) -> None:
    run = Run(state="queued", device=device, processes=processes)
    assert waiting_reason(run, position, Facts(NOW, offers)) == says


def test_the_strongest_reason_comes_first() -> None:
    run = Run(state="queued", device="cpu", processes=1, after_id=12, not_before=later(9))
    low = "the disk is nearly full"
    facts = Facts(NOW, [CPU], "ada", low, frozenset({12}))
    assert waiting_reason(run, 1, facts) == "waits for run #12; the queue is paused by ada"
    assert waiting_reason(run, 1, Facts(NOW, [CPU], None, low, frozenset({12}))) == "waits for run #12"
    assert waiting_reason(run, 1, Facts(NOW, [CPU], "ada", low)) == "the queue is paused by ada"
    assert waiting_reason(run, 1, Facts(NOW, [CPU], None, low)) == low
    assert waiting_reason(run, 1, Facts(NOW, [CPU])) == "is tried again at 2026-03-01T12:00:09.000Z"


def test_a_long_name_is_cut() -> None:
    run = Run(state="queued", device="cpu", processes=1)
    says = waiting_reason(run, 1, Facts(NOW, [offer("cpu", runs=(on("cpu", name="x" * 200),))]))
    assert says == f"next; needs cpu, busy with #17 {'x' * 39}…"
