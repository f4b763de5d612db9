"""An experiment with curves of all sorts, and a report on it that has something of everything."""

import math
from typing import Any

from rest import Rest

from app.clock import utcnow
from app.runs import queue
from app.runs.words import Reason, RunState
from app.workers import queries as workers
from app.workers.queries import MetricSummary
from danlu.events import EventWriter

TITLE = "丹炉 report: <b>rings</b> & co"
BODY = """\
# Findings

The *smaller* learning rate is **better**; see [run 1](/runs/1), [the paper](https://example.org/paper), `lr = 1e-3`
and <script>alert(1)</script>. 中文\uff1a学习率越小\uff0c损失越低\uff0c训练也更稳定。これはテストです。 한국어 ✓ 🔥

- first
- second [bad](javascript:alert(1))

| name | loss |
|------|-----:|
| \u03b1    |  0.1 |

> A quote.

```python
loss.backward()  # <tag>
```

```danlu-view
view: curves
height: 200
```

```danlu-runs
view: curves
columns: state, params.lr, metrics.loss/train.min
```

```danlu-view
view: nowhere
```

![a picture](https://example.org/x.png)

---

The end.
"""


def trained(rest: Rest, count: int = 3, points: int = 60) -> list[int]:
    """Runs that have ended, with curves: one with a gap, one with a spike; their ids."""
    ids = []
    for number in range(count):
        run = rest.submit(recipe="rings", params={"lr": 10.0 ** -(number + 1)}, name=f"环 run {number}")
        token = rest.bring(run["id"], RunState.RUNNING)
        assert token is not None
        with EventWriter(rest.folder(run)) as writer:
            for step in range(points):
                loss = math.nan if number == 1 and 20 <= step < 30 else (number + 1) / (step + 1)
                writer.scalar("loss/train", loss, step)
                writer.scalar("val_acc", 1 - 1 / (step + 2) + 0.01 * number, step)
        summary = MetricSummary(
            "loss/train", step=points - 1, last=0.05, min=0.04, max=1.0, min_step=1, max_step=2, count=points
        )
        with rest.served.db.write() as session:
            workers.report(session, run["id"], token, now=utcnow(), progress={}, metrics=[summary])
            queue.finish(session, run["id"], token, Reason.COMPLETED, now=utcnow())
        ids.append(run["id"])
    return ids


def written(rest: Rest, **fields: Any) -> dict[str, Any]:
    """The report, with the view that it names."""
    ids = trained(rest)
    query = f"sel={','.join(map(str, ids))},999&sm=0.6&logy=1&f=loss"
    assert rest.post("/views", {"name": "curves", "experiment": "exp", "query": query}).status_code == 201
    answer = rest.post("/reports", {"title": TITLE, "body": BODY, "experiment": "exp", **fields})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made
