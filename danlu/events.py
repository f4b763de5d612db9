"""A buffered writer of TensorBoard event files.

A call encodes its record into memory and returns; a background thread frames the records (length and masked
CRC-32C, as TFRecord wants them) and writes them out at a bounded interval. A scalar costs 2-5 µs of CPU, where
torch's SummaryWriter takes 100-160 µs. Every opening makes a new file, because readers give up on a file at its
first corrupt record but go on with later files.
"""

import atexit
import logging
import math
import os
import struct
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self, SupportsFloat, SupportsIndex

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary

from danlu import tfrecord
from danlu.tfrecord import check_step, check_tag, field, masked_crc, varint

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.25
_WAKE_BYTES = 1 << 20
"""Pending bytes at which the background thread writes at once instead of waiting for its interval."""
_MAX_PENDING_BYTES = 64 << 20
"""Pending bytes at which the caller itself writes: the disk is slower than the training."""
_MAX_CACHED_TAGS = 10_000
_MAX_CACHED_HEADERS = 4096

_pack_wall_time = struct.Struct("<Bd").pack
_pack_float = struct.Struct("<f").pack
_pack_crc = tfrecord.FOOTER.pack


def _scalar_head(tag: str) -> bytes:
    """Everything between the step and the value of a scalar's Event: it depends on the tag only.

    Event.summary (5) > Summary.value (1) > Value.tag (1), Value.simple_value (2, four bytes to follow).
    """
    value = field(0x0A, tag.encode()) + b"\x15"
    summary = b"\x0a" + varint(len(value) + 4) + value
    return b"\x2a" + varint(len(summary) + 4) + summary


def _number(value: SupportsFloat) -> float:
    """The value as a float; a tensor leaves its gradients behind, torch warns otherwise."""
    detach = getattr(value, "detach", None)
    return float(value if detach is None else detach())


class EventWriter:
    """One event file in ``folder``, created now; any thread may write to it.

    A failed write (a full disk) ends the writer: the file is cut back to the records of the last good write and
    every later call, ``flush`` and ``close`` included, raises the error. After a fork the child must open its own
    writer: this one raises RuntimeError there.

    Args:
        folder: made when missing.
        flush_seconds: how long a record may stay in memory.

    Raises:
        OSError: the file cannot be created.
    """

    def __init__(self, folder: Path | str, *, flush_seconds: float = FLUSH_SECONDS) -> None:
        self._flush_seconds = flush_seconds
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._heads: dict[str, bytes] = {}
        self._headers: dict[int, bytes] = {}
        self._last_step: tuple[SupportsIndex, bytes] = (0, varint(0))
        self._error: OSError | None = None
        self._closed = False
        # One lock for the buffer, held for a moment; one for the file, held while the disk works.
        self._buffer = threading.Condition(threading.Lock())
        self._file = threading.Lock()
        self._pid = os.getpid()
        self.path, self._fd = tfrecord.create_event_file(Path(folder))
        self._written = 0
        self._thread = threading.Thread(target=self._flush_loop, name="danlu-events", daemon=True)
        self._thread.start()
        self.event(Event(wall_time=time.time(), file_version="brain.Event:2"))
        try:
            # Makes the file a valid one from the start, and shows a full disk to whoever opens it.
            self.flush()
        except OSError:
            self._end_thread()
            os.close(self._fd)
            raise
        atexit.register(self._close_at_exit)

    def scalar(
        self, tag: str, value: SupportsFloat, step: SupportsIndex, wall_time: float | None = None
    ) -> None:
        """Log one number, kept as a 32-bit float. NaN and infinities are logged as such.

        Args:
            tag: the curve's name.
            value: anything that ``float()`` takes, one-element tensors included.
            step: a 64-bit integer.
            wall_time: seconds since 1970; default: now.

        Raises:
            OSError: an earlier write failed.
            TypeError, ValueError: the tag, value or step is none; or the writer is closed.
        """
        head = self._heads.get(tag)
        if head is None:
            head = self._new_head(tag)
        number = value if type(value) is float else _number(value)
        try:
            packed = _pack_float(number)
        except OverflowError:  # beyond 32-bit floats: infinite, as protobuf does it
            packed = _pack_float(math.copysign(math.inf, number))
        # Several tags share a step's very object; an equal float or a tensor (which may change) is no match.
        last_step, step_bytes = self._last_step
        if step is not last_step:
            step_bytes = varint(check_step(step))
            if type(step) is int:
                self._last_step = (step, step_bytes)
        now = _pack_wall_time(9, time.time() if wall_time is None else wall_time)
        self._append(now + b"\x10" + step_bytes + head + packed)

    def summary(self, summary: Summary, step: SupportsIndex, wall_time: float | None = None) -> None:
        """Log a protobuf Summary at a step.

        Raises:
            OSError: an earlier write failed.
            TypeError, ValueError: the step is no 64-bit integer; or the writer is closed.
        """
        at = time.time() if wall_time is None else wall_time
        self.event(Event(wall_time=at, step=check_step(step), summary=summary))

    def event(self, event: Event) -> None:
        """Log a protobuf Event as it is.

        Raises:
            OSError: an earlier write failed.
            ValueError: the writer is closed.
        """
        self._append(event.SerializeToString())

    def flush(self) -> None:
        """Hand everything logged so far to the operating system: after it, killing the process loses nothing.

        Raises:
            OSError: it could not be written.
        """
        self._check_process()
        self._write_out()
        self._raise_error()

    def close(self) -> None:
        """Write everything out and close the file. A second call does nothing.

        Raises:
            OSError: something logged could not be written, now or before.
        """
        self._check_process()
        if self._closed:
            return
        self._end_thread()
        atexit.unregister(self._close_at_exit)
        try:
            self._write_out()
        finally:
            os.close(self._fd)
        self._raise_error()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _new_head(self, tag: str) -> bytes:
        if len(self._heads) >= _MAX_CACHED_TAGS:
            self._heads.clear()
        head = self._heads[tag] = _scalar_head(check_tag(tag))
        return head

    def _end_thread(self) -> None:
        """Refuse further records and let the background thread end."""
        with self._buffer:
            self._closed = True
            self._buffer.notify_all()
        self._thread.join()

    def _check_process(self) -> None:
        """A fork shares the file but neither the thread nor the locks: refuse to go on there."""
        if os.getpid() != self._pid:
            raise RuntimeError(f"the event file {self.path} was opened in another process (before a fork)")

    def _append(self, record: bytes) -> None:
        """Keep a record for the background thread, waking it when it has nothing else to wait for."""
        self._check_process()
        if self._error is not None:
            self._raise_error()
        with self._buffer:
            if self._closed:
                raise ValueError(f"the event file {self.path} is closed")
            self._pending.append(record)
            before = self._pending_bytes
            pending = self._pending_bytes = before + len(record)
            if before == 0 or before < _WAKE_BYTES <= pending:
                self._buffer.notify_all()
        if pending >= _MAX_PENDING_BYTES:
            self.flush()

    def _flush_loop(self) -> None:
        """Sleep until something is logged, let more come for the interval, write it, again."""
        while True:
            with self._buffer:
                self._buffer.wait_for(lambda: self._closed or self._pending_bytes > 0)
                self._buffer.wait_for(
                    lambda: self._closed or self._pending_bytes >= _WAKE_BYTES, self._flush_seconds
                )
                if self._closed:
                    return
            self._write_out()

    def _write_out(self) -> None:
        """Write what is pending, in order. An error is kept for the next call instead of being raised here."""
        with self._file:
            with self._buffer:
                records, self._pending, self._pending_bytes = self._pending, [], 0
            if not records or self._error is not None:
                return
            data = memoryview(self._framed(records))
            try:
                while data:
                    data = data[os.write(self._fd, data) :]
                self._written = os.lseek(self._fd, 0, os.SEEK_CUR)
            except OSError as error:
                self._error = error
                self._cut_back()

    def _framed(self, records: list[bytes]) -> bytes:
        """The records as TFRecords: length, its checksum, data, its checksum."""
        parts: list[bytes] = []
        headers = self._headers
        for record in records:
            size = len(record)
            header = headers.get(size)
            if header is None:
                header = tfrecord.header(size)
                if len(headers) < _MAX_CACHED_HEADERS:
                    headers[size] = header
            parts += (header, record, _pack_crc(masked_crc(record)))
        return b"".join(parts)

    def _cut_back(self) -> None:
        """Drop a half-written record, so that what was written before stays readable as a whole file."""
        try:
            os.ftruncate(self._fd, self._written)
        except OSError as error:
            log.warning("%s may end in half a record: %s", self.path, error)

    def _raise_error(self) -> None:
        """Raise the kept error, a fresh one each time (a traceback of the background thread helps nobody)."""
        if self._error is not None:
            raise OSError(self._error.errno, self._error.strerror, str(self.path)) from self._error

    def _close_at_exit(self) -> None:
        """A program that ends without closing loses nothing; it is too late to raise."""
        if os.getpid() != self._pid:
            return
        try:
            self.close()
        except OSError as error:
            log.warning("%s", error)
