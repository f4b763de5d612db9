"""Progress bars, and lines such as `Epoch 3/10`, in what a script prints: tqdm, Lightning, Hugging Face, Keras, rich.

Reading is separate from meaning: `read_bar` and `read_line` are pure and know one piece of text each, `Bars` puts what
they found together. Nothing here is certain, so a run that reports its progress itself is believed instead.
"""

import re
from dataclasses import dataclass

from worker.guess import Bounds

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])|[\x00-\x08]")
_PIECES = re.compile(r"[\r\n]|\x1b\[\d*[AB]")
"""What moves the cursor to another line, or to the start of its own: between two of these stands one bar."""
_LONGEST = 1000
"""Characters of a piece that are looked at."""

_NUMBER = r"\d+(?:\.\d+)?[kMGT]?"
_TQDM = re.compile(
    rf"(?P<label>[^|]*?):?\s*\d{{1,3}}%\|[^|]*\|\s*(?P<done>{_NUMBER})/(?P<total>{_NUMBER})\s*\[(?P<pace>[^\]]*)\]"
)
_AFTER = re.compile(
    r"(?P<label>[^━╸╺]*?)\s*[━╸╺]{4,}[\s━╸╺]*(?P<done>\d+)/(?P<total>\d+)(?=\s|$)(?P<pace>.*)"
)
_BEFORE = re.compile(r"(?P<label>)\s*(?P<done>\d+)/(?P<total>\d+)\s+(?:[━╸╺]{4,}|\[[=>.]{4,}\])(?P<pace>.*)")

_NO_TRAINING = re.compile(
    r"\b(?:val|valid|validat\w*|test\w*|eval\w*|sanity|predict\w*|infer\w*|download\w*|load\w*|fetch\w*|"
    r"token\w*|map|filter|generat\w*|extract\w*|(?:pre)?process\w*|prepar\w*|read\w*|upload\w*|saving|writing)\b",
    re.IGNORECASE,
)
_NO_STEPS = re.compile(r"\d\s?(?:[kKMGT]i?)?B/s|examples/s|files/s")
_EPOCH_PACE = re.compile(r"epochs?/s|s/epoch")
_EPOCH = re.compile(
    r"(?:\b(?P<other>per|best|max|total|num|last|each|every|of)[ _-]+)?\bepoch\b\s*[:#=]?\s*[\[(]?\s*"
    r"(?P<at>\d+)(?![\d.]*\d|\w)(?:\s*(?:/|of)\s*(?P<all>\d+)(?![\d.]*\d|\w))?(?P<rest>.*)",
    re.IGNORECASE,
)
_STEP = re.compile(
    r"\b(?:global_)?(?:step|iter|iteration|batch)\b\s*[:#=]?\s*[\[(]?\s*"
    r"(?P<done>\d+)(?![\d.]*\d|\w)(?:\s*(?:/|of)\s*(?P<total>\d+)(?![\d.]*\d|\w))?",
    re.IGNORECASE,
)
_PART = re.compile(r"\s*[\[(]\s*(?P<done>\d+)\s*/\s*(?P<total>\d+)")
"""`Train Epoch: 3 [25600/60000 (43%)]`: how far the epoch is."""
_SCALE = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar as it was printed last: what stands before it, steps done, steps altogether, and what stands behind it."""

    label: str
    done: int
    total: int
    pace: str = ""


@dataclass(frozen=True, slots=True)
class Epoch:
    """`Epoch 3/10`, as it was printed; `begins`: it is a heading, and does not tell of an epoch that is over."""

    at: int
    all: int | None
    begins: bool


def read_bar(piece: str) -> Bar | None:
    """The bar in one piece of output without escape sequences; None where there is none, or none of training."""
    found = None
    if "%|" in piece:
        found = _TQDM.search(piece)
    elif "━" in piece:
        found = _AFTER.match(piece) or _BEFORE.match(piece)
    elif "/" in piece and "[" in piece:
        found = _BEFORE.match(piece)
    if found is None:
        return None
    bar = Bar(found["label"].strip(), _count(found["done"]), _count(found["total"]), found["pace"])
    if bar.total <= 0 or bar.done > bar.total or _NO_STEPS.search(bar.pace) or _NO_TRAINING.search(bar.label):
        return None
    return bar


def read_epoch(text: str) -> Epoch | None:
    """The epoch that a line, or a bar's label, speaks of."""
    found = _EPOCH.search(text)
    if found is None or found["other"]:
        return None
    whole = int(found["all"]) if found["all"] else None
    return Epoch(int(found["at"]), whole, not re.search(r"\w", found["rest"]))


def _count(text: str) -> int:
    scale = _SCALE.get(text[-1], 1)
    return round(float(text.rstrip("kMGT")) * scale)


class Bars:
    """What the bars and lines of one attempt say altogether. Text goes in as it comes, in pieces of any size."""

    def __init__(self) -> None:
        self._rest = ""
        self._main: Bar | None = None
        self._passes = 0
        self._asides: set[int] = set()
        self._epochs_bar: Bar | None = None
        self._epoch: Epoch | None = None
        self._from_zero = False
        self._counted = False
        """Whether the number of epochs that was printed is surely that of all."""
        self._step: int | None = None

    def feed(self, text: str) -> None:
        """Read on. The last piece may be half a line: a bar in it counts, a line is waited for."""
        *pieces, self._rest = _PIECES.split((self._rest + text)[-(1 << 16) :])
        for piece in pieces:
            plain = _ANSI.sub("", piece[:_LONGEST])
            if not self._take_bar(plain):
                self._take_line(plain)
        self._rest = self._rest[-_LONGEST:]
        self._take_bar(_ANSI.sub("", self._rest).rstrip("0123456789"))  # the number may go on

    def progress(self, bound: Bounds) -> dict[str, int]:
        """Any of step, total, epoch and epochs; steps are those of the whole run where that can be told.

        Args:
            bound: what the params say of the script's length.
        """
        epoch, epochs = self._epochs(bound)
        bar = self._main
        found: dict[str, int] = {}
        if epoch is not None:
            full = bar is not None and bar.done == bar.total
            found["epoch"] = min(epoch + full, epochs) if epochs else epoch + full
        if epoch is not None and epochs:
            found["epochs"] = epochs
        if bar is None:
            if self._step is not None and bound.steps is not None and self._step <= bound.steps:
                found |= {"step": self._step, "total": bound.steps}
        elif epoch is None:
            found |= {"step": bar.done, "total": bar.total}
        else:
            found["step"] = epoch * bar.total + bar.done
            if epochs:
                found |= {"total": epochs * bar.total, "step": min(found["step"], epochs * bar.total)}
        return found

    def _epochs(self, bound: Bounds) -> tuple[int | None, int | None]:
        """Epochs done, and of how many."""
        if self._epochs_bar is not None:
            return self._epochs_bar.done, self._epochs_bar.total
        if self._epoch is not None:
            at, whole = self._epoch.at, self._epoch.all
            done = at - (not self._from_zero) if self._epoch.begins else at + self._from_zero
            if whole is not None and self._from_zero and not self._counted:
                whole = _counted_from_zero(whole, bound.epochs)
            whole = whole or bound.epochs
            return (max(done, 0), whole) if whole is None or done <= whole else (done, None)
        if self._passes:  # the same bar again and again: each is an epoch
            return self._passes, bound.epochs if bound.epochs and self._passes < bound.epochs else None
        return None, None

    def _take_bar(self, piece: str) -> bool:
        bar = read_bar(piece)
        if bar is None:
            return "%|" in piece
        epoch = read_epoch(bar.label)
        if epoch is not None:
            from_zero = (
                "━" in piece
            )  # only Lightning prints such a bar with an epoch, and the number of the last one
            self._from_zero, self._counted = self._from_zero or from_zero, from_zero
            self._see(Epoch(epoch.at, epoch.all + 1 if epoch.all and from_zero else epoch.all, begins=True))
        elif "epoch" in bar.label.lower() or _EPOCH_PACE.search(bar.pace):
            if self._epochs_bar is None or bar.done != self._epochs_bar.done:
                self._begin_epoch()
            self._epochs_bar = bar
            return True
        self._take_steps(bar)
        return True

    def _take_steps(self, bar: Bar) -> None:
        main = self._main
        if main is None or main.total == bar.total:
            if main is not None and bar.done < main.done and not (self._epoch or self._epochs_bar):
                self._passes += 1
            self._main = bar
        elif main.done < main.total:
            self._asides.add(bar.total)  # within the training: an evaluation
        elif bar.total not in self._asides and not (self._epoch or self._epochs_bar or self._passes):
            self._main = bar  # the one before is full: it was of something else

    def _take_line(self, piece: str) -> None:
        lower = piece.lower()
        if "epoch" in lower:
            epoch = read_epoch(piece)
            if epoch is not None:
                self._take_epoch(epoch, piece)
        if "step" in lower or "iter" in lower or "batch" in lower:
            step = _STEP.search(piece)
            if step is not None and step["total"]:
                self._take_counted(int(step["done"]), int(step["total"]))
            elif step is not None:
                self._step = int(step["done"])

    def _take_epoch(self, epoch: Epoch, piece: str) -> None:
        found = _EPOCH.search(piece)
        part = _PART.match(found["rest"]) if found else None
        inside = part is not None or _STEP.search(piece) is not None
        self._see(Epoch(epoch.at, epoch.all, epoch.begins or inside))
        if part is not None:
            self._take_counted(int(part["done"]), int(part["total"]))

    def _take_counted(self, done: int, total: int) -> None:
        if total > 0 and done <= total:
            self._take_steps(Bar("", done, total))

    def _see(self, epoch: Epoch) -> None:
        if epoch.at == 0:
            self._from_zero = True
        if self._epoch is None or epoch != self._epoch:
            self._begin_epoch()
        self._epoch = epoch

    def _begin_epoch(self) -> None:
        """What the steps' bar shows is of the epoch before."""
        if self._main is not None:
            self._main = Bar("", 0, self._main.total)


def _counted_from_zero(last: int, declared: int | None) -> int:
    """How many epochs there are, where the first is `0/last`: some print the last one's number, some the number of all.

    >>> _counted_from_zero(24, None), _counted_from_zero(20, None), _counted_from_zero(20, 21)
    (25, 20, 21)
    """
    if declared in {last, last + 1}:
        return last if declared == last else last + 1
    return last + 1 if (last + 1) % 5 == 0 else last  # people choose round numbers
