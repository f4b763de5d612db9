"""Finding the traceback that a run died of in what it printed. Pure: text in, data out; nothing is executed or opened.

Understood are Python's own tracebacks, chained ones, exception groups, syntax errors with and without a traceback above
them, those that a DataLoader or a spawned process passes on inside its message, and those of several ranks, whose lines
may be mixed.
"""

import re
from dataclasses import dataclass

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_HEADER = re.compile(
    r"(?P<group>\+ Exception Group )?(?P<original>Original )?Traceback \(most recent call last\):\s*$"
)
_RANK = re.compile(r"\[(?:rank|default)\d+\]:(?: |$)")
_INSIDE_GROUP = re.compile(r"\s*\|")
_FRAME = re.compile(r'\s*File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<function>.+))?$')
_FRAME_ALONE = re.compile(r'  File "[^"]+", line \d+$')
"""Without `in …`: what could not be compiled."""
_ERROR = re.compile(r"(?P<type>[^\W\d][\w.<>]*)(?::(?: (?P<message>.*))?)?$")
_SYNTAX = re.compile(r"(?:SyntaxError|IndentationError|TabError): ")
_LINK = re.compile(
    r"(?:During handling of the above exception, another exception occurred:"
    r"|The above exception was the direct cause of the following exception:"
    r"|-- Process \d+ terminated with the following error:)\s*$"
)
_NO_CAUSE = ("ChildFailedError", "ProcessExitedException")
"""What a launcher raises because its ranks died: the tracebacks before it say why."""
_IGNORED = "Exception ignored"
"""How Python introduces what a finaliser raised."""
MAX_BLOCKS = 64
MAX_FRAMES = 200
MAX_MESSAGE_LINES = 60
MAX_TEXT = 64_000


@dataclass(frozen=True, slots=True)
class Frame:
    """One `File "…", line …, in …`; `code` is the line as the traceback shows it, perhaps empty."""

    file: str
    line: int
    function: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Traceback:
    """The exception that ended a run; its frames from the outermost to where it was raised.

    Attributes:
        type: as printed, without `__main__.`.
        message: may have several lines.
        text: the whole, the exceptions that it is chained to included; no escape sequences.
    """

    type: str
    message: str
    frames: tuple[Frame, ...]
    text: str


@dataclass(slots=True)
class _Block:
    """A traceback in the lines `start` to `end` (exclusive), without those that it is chained to."""

    start: int
    end: int
    rank: str
    linked: bool
    ignored: bool
    found: Traceback


def find(text: str) -> Traceback | None:
    """The traceback that matters most in the end of a log: the last one, or the first of several ranks."""
    lines = [_ANSI.sub("", line).rstrip("\r") for line in text.split("\n")]
    blocks = _blocks(lines)
    if not blocks:
        return None
    chosen = _chosen(blocks)
    block = first = blocks[chosen]
    for before in reversed(blocks[:chosen]):
        if before.rank == block.rank:
            if not first.linked:
                break
            first = before
    whole = _own_lines(lines[first.start : block.end], block.rank)
    whole[0] = whole[0][_header_at(whole[0]) :]
    found = block.found
    return Traceback(found.type, found.message, found.frames, "\n".join(whole).rstrip()[-MAX_TEXT:])


def _chosen(blocks: list[_Block]) -> int:
    """Index of the block that says why."""
    serious = [index for index, block in enumerate(blocks) if not block.ignored] or [len(blocks) - 1]
    last = serious[-1]
    if blocks[last].found.type.rpartition(".")[2] in _NO_CAUSE:
        serious = [index for index in serious if index < last] or [last]
        last = serious[-1]
    ranks = [index for index in serious if blocks[index].rank]
    if not blocks[last].rank or not ranks:
        return last
    # All ranks die, the first by itself: its own last block.
    rank = blocks[ranks[0]].rank
    chosen = ranks[0]
    for index in range(chosen + 1, len(blocks)):
        if blocks[index].rank == rank and blocks[index].linked:
            chosen = index
    return chosen


def _blocks(lines: list[str]) -> list[_Block]:
    blocks: list[_Block] = []
    for index in [index for index, line in enumerate(lines) if _may_begin(line)][-MAX_BLOCKS:]:
        bare, rank = _without_rank(lines[index])
        if _FRAME.match(bare) and (index < _end(blocks) or not _is_syntax_error(lines, index, rank)):
            continue  # a frame of the block before
        block = _read(lines, index, rank)
        if block is not None:
            blocks.append(block)
    return blocks


def _may_begin(line: str) -> bool:
    """Whether a block may begin here; the exceptions in a group belong to the group's."""
    bare, _ = _without_rank(line)
    return bool(_FRAME_ALONE.match(bare) or (_HEADER.search(bare) and not _INSIDE_GROUP.match(bare)))


def _end(blocks: list[_Block]) -> int:
    return blocks[-1].end if blocks else 0


def _is_syntax_error(lines: list[str], index: int, rank: str) -> bool:
    """Whether a script could not even be compiled: frame, code, caret and the error, without a header."""
    following = _own_lines(lines[index + 1 : index + 5], rank)
    return any(_SYNTAX.match(line) for line in following)


def _read(lines: list[str], start: int, rank: str) -> _Block | None:
    """The block that begins in a line; None where the output ends before its exception."""
    header = _HEADER.search(_without_rank(lines[start])[0])
    group = bool(header and header["group"])
    frames: list[Frame] = []
    index = start + bool(header)
    while index < len(lines):
        line, of = _without_rank(lines[index])
        if of != rank:  # another rank's, in between
            index += 1
            continue
        line = _INSIDE_GROUP.sub("", line, count=1).removeprefix(" ") if group else line
        frame = _FRAME.match(line)
        if frame:
            function = frame["function"] or "<module>"
            frames.append(Frame(frame["file"], int(frame["line"]), function))
        elif line.startswith(" ") or not line:
            _add_code(frames, line)
        else:
            break
        index += 1
    error = _ERROR.match(line) if index < len(lines) else None
    if error is None or (not frames and header is None):
        return None
    end, message = _message(lines, index, rank, group=group)
    message.insert(0, error["message"] or "")
    return _Block(
        start,
        end,
        rank,
        linked=_is_linked(lines, start, rank, original=bool(header and header["original"])),
        ignored=start > 0 and any(line.startswith(_IGNORED) for line in lines[max(start - 2, 0) : start]),
        found=Traceback(
            error["type"].removeprefix("__main__."),
            "\n".join(message).strip(),
            tuple(frames[-MAX_FRAMES:]),
            "",
        ),
    )


def _add_code(frames: list[Frame], line: str) -> None:
    """The line below a frame is its code; what follows are carets."""
    code = line.strip()
    if frames and not frames[-1].code and code.strip("^~ "):
        last = frames[-1]
        frames[-1] = Frame(last.file, last.line, last.function, code)


def _message(lines: list[str], index: int, rank: str, *, group: bool) -> tuple[int, list[str]]:
    """Where the exception that begins in a line ends, and the rest of its message."""
    message: list[str] = []
    at = index + 1
    if group:
        while at < len(lines) and re.match(r"\s*[|+]", lines[at]):
            at += 1
        return at, message
    while at < len(lines) and len(message) < MAX_MESSAGE_LINES:
        line, of = _without_rank(lines[at])
        if of == rank:
            if not line.strip() or _HEADER.search(line) or _LINK.match(line) or line.startswith(_IGNORED):
                break
            message.append(line)
        elif not rank:
            break
        at += 1
    return at, message


def _is_linked(lines: list[str], start: int, rank: str, *, original: bool) -> bool:
    """Whether a block goes on from the one before it."""
    if original:
        return True
    for line in reversed(_own_lines(lines[max(start - 60, 0) : start], rank)):
        if line.strip():
            return bool(_LINK.match(line))
    return False


def _without_rank(line: str) -> tuple[str, str]:
    """The line, and which rank's it is ("" where that is not said)."""
    found = _RANK.match(line)
    return (line[found.end() :], found[0].rstrip(" ")) if found else (line, "")


def _own_lines(lines: list[str], rank: str) -> list[str]:
    return [bare for bare, of in map(_without_rank, lines) if of == rank]


def _header_at(line: str) -> int:
    """Where the header begins: a progress bar may stand before it in its line."""
    found = _HEADER.search(line)
    return found.start() if found else 0
