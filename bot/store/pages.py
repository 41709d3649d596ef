"""What the pages of the database's file have to be, by their checksums. Knows bytes, and no SQL.

They are as sqlite.org/fileformat2.html and sqlite.org/walformat.html say.
"""

from __future__ import annotations

import os
import struct
import zlib
from array import array
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

HEADER = b"SQLite format 3\0"

_PAGE_BYTES = struct.Struct(">16xH")
# the index of the journal has the machine's own order of bytes, and its beginning twice
_INDEX = struct.Struct("=8xI2xHII8x8s56xI28xI")
_TWICE = 48
_WAL_HEADER_BYTES = 32
_FRAME = struct.Struct(">II8s8x")
#: As many pages as are read at a time.
_RUN = 256

#: A journal, and how much of it was copied into the database's file.
Copied: TypeAlias = tuple[bytes, int, int]


class Index(NamedTuple):
    """What the index counts: commits, the frames in the journal, and the pages with those in it."""

    changes: int
    page_bytes: int
    frames: int
    pages: int
    salt: bytes  # another one whenever the journal starts over
    copied: int  # the frames that are in the database's file, all up to this one
    copying: int  # or may be there

    @property
    def journal_bytes(self) -> int:
        """How large the journal is at least."""
        return _WAL_HEADER_BYTES + self.frames * (_FRAME.size + self.page_bytes)

    @property
    def progress(self) -> Copied:
        """Another one after each checkpoint: nothing else of SQLite's writes to the file."""
        return self.salt, self.copied, self.copying

    def has_copied(self, before: Index | None) -> bool:
        """Whether something was copied into the file since then."""
        if before is None or self.progress == before.progress:
            return before is None
        is_done = before.copied == before.frames  # and then the journal started over
        return self.salt == before.salt or not is_done or self.copying > 0


def read_index(index: int) -> Index | None:
    """The index in the file that is open as `index`; None where there is none."""
    for _ in range(3):  # somebody writes it just now
        content = os.pread(index, _INDEX.size, 0)
        if len(content) < _INDEX.size:
            return None
        if content[:_TWICE] == content[_TWICE : 2 * _TWICE]:
            break
    changes, page_bytes, *others = _INDEX.unpack(content)
    return Index(changes, _real(page_bytes), *others)


class Pages:
    """What each page of the database's file has to be.

    At the beginning that is what it is. From then on it is what the journal brings: whichever
    program writes through SQLite, its pages are there first, and only from there they are copied
    into the file. So nothing is read of the file as it grows, and what was written to it around
    SQLite is found however it came there.
    """

    def __init__(self, file: int) -> None:
        self._file = file
        header = os.pread(file, _PAGE_BYTES.size, 0)
        self._page_bytes = (
            _real(_PAGE_BYTES.unpack(header)[0]) if len(header) == _PAGE_BYTES.size else 0
        )
        #: As it was when the journal was begun.
        self._sums = array("I")
        for _, sums in self._runs(os.fstat(file).st_size):
            self._sums.extend(sums)
        #: The newest of each page that is in the journal: its frame and its sum.
        self._brought: dict[int, tuple[int, int]] = {}
        self._frames = 0  # of the journal, those that were read
        self._index: Index | None = None
        #: Something was written that was not seen: nobody knows what the pages have to be.
        self.is_lost = False

    def follow(self, index: Index, journal: int) -> None:
        """Read of the journal, which is open as `journal`, what is new."""
        before = self._index
        if index == before or self.is_lost:
            return
        if index.frames and not self._page_bytes:
            self._page_bytes = index.page_bytes
        self._index = index
        if before is None or (before.salt == index.salt and self._frames <= index.frames):
            self.is_lost = self._read(index, journal) is None
            return
        # It starts over only once all of it is in the file.
        for page, (_, total) in self._brought.items():
            self._put(page, total)
        if before.pages:
            del self._sums[before.pages :]
        self._brought.clear()
        self._frames = 0
        commits = self._read(index, journal)
        self.is_lost = commits is None or index.changes - before.changes != commits

    def are_whole(self) -> bool:
        """Whether each page is what it has to be, as far as SQLite would read it there.

        A page that is still to be copied out of the journal can be anything.
        """
        index = self._index
        pages = index.pages if index is not None and index.pages else len(self._sums)
        copied = 0 if index is None else index.copied
        for first, sums in self._runs(pages * self._page_bytes):
            if sums == self._sums[first : first + len(sums)]:
                continue
            for page, total in enumerate(sums, first):
                frame, brought = self._brought.get(page, (0, self._sum_of(page)))
                if frame <= copied and total != brought:
                    return False
        return True

    def _read(self, index: Index, journal: int) -> int | None:
        """Read the frames that are new: how many commits they are, None where some are missing."""
        commits = 0
        size = _FRAME.size + index.page_bytes
        while (count := min(_RUN, index.frames - self._frames)) > 0:
            content = os.pread(journal, count * size, _WAL_HEADER_BYTES + self._frames * size)
            if len(content) < count * size:
                return None
            newest: dict[int, int] = {}
            for frame in range(count):
                page, pages, salt = _FRAME.unpack_from(content, frame * size)
                if salt != index.salt:
                    return None
                commits += bool(pages)
                newest[page - 1] = frame
            view = memoryview(content)
            for page, frame in newest.items():
                total = zlib.crc32(view[frame * size + _FRAME.size : (frame + 1) * size])
                self._brought[page] = self._frames + frame + 1, total
            self._frames += count
        return commits

    def _runs(self, size: int) -> Iterator[tuple[int, array[int]]]:
        """The sums of the pages that are in the file's first `size` bytes, some at a time."""
        width = self._page_bytes
        if not width:
            return
        for first in range(0, size // width, _RUN):
            count = min(_RUN, size // width - first)
            view = memoryview(os.pread(self._file, count * width, first * width))
            whole = len(view) // width * width
            yield (
                first,
                array("I", [zlib.crc32(view[i : i + width]) for i in range(0, whole, width)]),
            )
            if whole < count * width:
                return

    def _sum_of(self, page: int) -> int:
        return self._sums[page] if page < len(self._sums) else self._sum_of_nothing()

    def _put(self, page: int, total: int) -> None:
        while len(self._sums) <= page:  # what nobody writes between others is a hole
            self._sums.append(self._sum_of_nothing())
        self._sums[page] = total

    def _sum_of_nothing(self) -> int:
        return zlib.crc32(bytes(self._page_bytes))


def _real(page_bytes: int) -> int:
    return 65_536 if page_bytes == 1 else page_bytes
