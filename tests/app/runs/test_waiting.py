"""Why a queued run waits, in words."""

import pytest
from factories import NOW

from app.models import Run
from app.runs.views import Offer, waiting_reason


def offer(*devices: str, name: str = "box") -> Offer:
    published = [{"device": device, "name": device, "slots": 1} for device in devices]
    return Offer(name, published, draining=False)


TWO = offer("cuda:0", "cuda:1", "cpu")
CPU = offer("cpu", name="mini")


@pytest.mark.parametrize(
    ("device", "processes", "position", "offers", "says"),
    [
        ("cuda", 2, 1, [TWO], "next; waits for 2 free GPUs of one worker"),
        ("cuda", 2, 3, [TWO, CPU], "2 ahead of you; waits for 2 free GPUs of one worker"),
        ("auto", 2, 1, [TWO], "next; waits for 2 free GPUs of one worker"),
        ("auto", 2, 1, [TWO, CPU], "next; waits for a free slot"),
        ("auto", 2, 1, [CPU], "next; waits for a free slot"),
        ("cpu", 9, 2, [TWO], "1 ahead of you"),
        ("cuda", 1, 1, [TWO], "next; waits for a free slot"),
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
    ],
)
def test_what_a_run_waits_for(
    device: str, processes: int, position: int, offers: list[Offer], says: str
) -> None:
    run = Run(state="queued", device=device, processes=processes)
    assert waiting_reason(run, position, offers, None, NOW) == says
