# SPDX-License-Identifier: MIT
"""A file for what a server did not take, so that it can be sent later."""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple, TypeAlias
from uuid import uuid4

_logger = logging.getLogger(__name__)

Entry: TypeAlias = "tuple[Any, ...]"
"""A kind, one of the following, and what belongs to it."""

ARTIFACT: Final = "artifact"
METRIC: Final = "metric"
PARAM: Final = "param"
STATUS: Final = "status"
RUN: Final = "run"


class Origin(NamedTuple):
    """Whose values they are; those of one run may be in several files."""

    key: str
    tracking: str
    experiment: str
    host: str
    process: int

    @property
    def alive(self) -> bool:
        """Whether the process that made the file may still write to it."""
        if self.host != socket.gethostname():
            return True  # nobody can tell from here
        if self.process == os.getpid():
            return False  # it knows its own files
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return False
        except OSError:  # it is there, and somebody else's
            return True
        return True


class Spool:
    """A file of entries, which is there only while there are any.

    Args:
        path: The file.
        origin: Whose values they are.
    """

    _in_use: ClassVar[set[Path]] = set()
    """Files of this process that something may still be added to."""

    def __init__(self, path: Path, origin: Origin) -> None:
        self.path = path
        self.origin = origin
        self.count = 0

    @classmethod
    def new(cls, folder: Path, tracking: str, experiment: str) -> Spool:
        """Return one for a run under a name of its own; nothing is written yet."""
        origin = Origin(uuid4().hex, tracking, experiment, socket.gethostname(), os.getpid())
        return cls._of(folder, origin, 1)

    @classmethod
    def _of(cls, folder: Path, origin: Origin, number: int) -> Spool:
        spool = cls(folder / f"{origin.key}-{number:06}.jsonl", origin)
        cls._in_use.add(spool.path)
        return spool

    def next(self) -> Spool:
        """Return another one for the same run, for what comes later."""
        number = int(self.path.stem.rpartition("-")[2])
        return self._of(self.path.parent, self.origin, number + 1)

    @classmethod
    def found(cls, folder: Path, tracking: str) -> Iterator[Spool]:
        """Yield those in a folder that were meant for a place and that nobody writes to.

        Those of one run follow each other in the order in which they were written.
        """
        for path in sorted(folder.glob("*.jsonl")):
            if path in cls._in_use:
                continue
            try:
                with open(path, encoding="utf-8") as file:
                    spool = cls(path, Origin(*json.loads(file.readline())))
                    spool.count = sum(1 for _ in file)
            except (OSError, ValueError, TypeError) as error:
                _logger.warning("%s cannot be read and stays as it is: %s", path, error)
                continue
            if spool.origin.tracking == tracking and not spool.origin.alive:
                yield spool

    def append(self, entries: Iterable[Entry]) -> None:
        """Add entries, so that they survive the end of the process.

        Raises:
            OSError: The file cannot be written.
        """
        lines = [json.dumps(entry) + "\n" for entry in entries]
        if not lines:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a", encoding="utf-8") as file:
            if not file.tell():
                file.write(json.dumps(self.origin) + "\n")
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        self.count += len(lines)

    def read(self) -> Iterator[Entry]:
        """Yield the entries; one that a crash has left half written is none."""
        if not self.count:
            return
        with open(self.path, encoding="utf-8") as file:
            file.readline()
            for line in file:
                with suppress(ValueError):
                    yield tuple(json.loads(line))

    def release(self) -> None:
        """Let others send the entries: none will be added."""
        self._in_use.discard(self.path)

    def remove(self) -> None:
        """Remove the file, and its folder if it was the last one."""
        self.count = 0
        self.release()
        with suppress(FileNotFoundError):
            self.path.unlink()
        with suppress(OSError):
            self.path.parent.rmdir()
