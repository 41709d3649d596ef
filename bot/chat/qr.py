"""Pictures: a payment request as a QR code, and the cards of closed invoices. Knows nothing else.

A code holds `lightning:` in small letters, then the request in capitals: two segments. A phone's
own camera opens a wallet by the scheme, and Android compares schemes letter by letter. BOLT11
allows capitals: QR's alphanumeric mode then needs a third fewer bits than small letters would.

qrcode knows the standard: its tables, and where each size of code has its fixed patterns. Only
what differs from request to request is done here, in a quicker way, since a picture is drawn
for every command while the event loop waits. The tests hold each module against qrcode's own.
"""

from __future__ import annotations

import functools
import io
import itertools
import operator
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import Literal, NamedTuple, TypeAlias

from PIL import Image, ImageDraw, ImageFont
from qrcode import LUT, QRCode, base, util
from qrcode.constants import ERROR_CORRECT_L, ERROR_CORRECT_M
from qrcode.image.pil import PilImage

ClosedState: TypeAlias = Literal["paid", "expired", "cancelled", "unconfirmed"]

# Telegram shrinks a photo that has a longer side
_LONGEST_SIDE_PX = 1280
# Telegram makes a JPEG of every photo. JPEG's blocks are 8 by 8 pixels, and one that has a single
# colour comes through exactly: so no module is blurred, whatever the quality.
# In a PNG of one bit a pixel, the byte that stands for a module here is also its eight pixels.
_MODULE_PX = 8
_QUIET = 4  # modules around a code, all light

# a reader takes any mask, and choosing one costs more than all the rest
_MASK: Literal[0] = 0
_SCHEME = b"lightning:"
# qrcode's MODE_ALPHA_NUM and MODE_8BIT_BYTE
_ALPHANUMERIC: Literal[2] = 2
_BYTES: Literal[4] = 4

# The bolt in the middle hides modules: at least half of what error correction M can restore is left
# in each block. Larger codes have none, since their modules are small for a camera as it is.
_BOLT_UP_TO_MODULES = 85
_BOLT_PERCENT = 17  # of the code's side, its white included
_BOLT = [(42, 7), (14, 41), (33, 41), (30, 65), (58, 31), (39, 31)]  # of 72

# one byte for a module
_DARK, _LIGHT = b"\x00", b"\xff"
_PLAIN = bytes.maketrans(b"01", _LIGHT + _DARK)
_MASKED = bytes.maketrans(b"01", _DARK + _LIGHT)

# PNG's first bytes, and what precedes a row: its bytes follow, or their differences from above
_PNG_START = b"\x89PNG\r\n\x1a\n"
_ROW_ITSELF, _ROW_FROM_ABOVE = b"\x00", b"\x02"

# what one or two characters are in alphanumeric mode
_BITS = {chr(one): f"{value:06b}" for value, one in enumerate(util.ALPHA_NUM)} | {
    chr(one) + chr(two): f"{45 * tens + ones:011b}"
    for tens, one in enumerate(util.ALPHA_NUM)
    for ones, two in enumerate(util.ALPHA_NUM)
}


# 16 and 231 are black and white in every theme, unlike the first sixteen
_BLACK_ON_WHITE = "\x1b[38;5;16;48;5;231m"
_GROUNDS = {_DARK[0]: "\x1b[48;5;16m", _LIGHT[0]: "\x1b[48;5;231m"}
_RESET = "\x1b[0m"

# landscape: what is closed takes less of a chat than what can be paid
_CARD_PX = (1280, 480)
_DISC_PX = (256, 240)
_WORD_PX = (464, 236)  # where it begins, and half of its height: capitals look low in theirs
_STROKE_PX = 32
_FINER = 4  # cards are drawn larger and then reduced, for smooth edges


class _Look(NamedTuple):
    word: str
    size_px: int
    colour: tuple[int, int, int]
    lines: list[list[tuple[int, int]]]  # from the middle of the disc


_CLOCK = [[(0, -78), (0, 6), (52, 38)]]
_CLOSED: dict[ClosedState, _Look] = {
    "paid": _Look("PAID", 120, (22, 132, 68), [[(-68, 4), (-22, 50), (68, -48)]]),
    "expired": _Look("EXPIRED", 120, (96, 102, 114), _CLOCK),
    "unconfirmed": _Look("NOT\nCONFIRMED", 104, (158, 106, 16), _CLOCK),
    "cancelled": _Look(
        "CANCELLED", 120, (152, 58, 58), [[(-52, -52), (52, 52)], [(52, -52), (-52, 52)]]
    ),
}


class _Format(NamedTuple):
    version: int  # 1 to 40: the size
    level: Literal[0, 1]  # of error correction, in qrcode's numbers: 1 is L, 0 is M


class _Layout(NamedTuple):
    side: int  # in modules, quiet zone included
    pick: Callable[[bytes], tuple[int, ...]]  # each module out of _sources()


class _Code(NamedTuple):
    side: int  # in modules, quiet zone included
    modules: bytes  # row by row: _DARK or _LIGHT


class _Bolt(NamedTuple):
    """The square in the middle of a code. Each of its rows of modules is eight rows of pixels."""

    begin: int  # in modules, quiet zone included: the same across and down
    end: int
    rows: list[tuple[bytes, bytes]]  # the square's part of the first; all the others as PNG's lines


_LARGEST_SHARP = (_LONGEST_SIDE_PX // _MODULE_PX - 2 * _QUIET - 17) // 4
_FOR_TERMINALS = tuple(_Format(version, ERROR_CORRECT_L) for version in range(1, 41))
_FOR_PICTURES = (
    *(_Format(version, ERROR_CORRECT_M) for version in range(1, _LARGEST_SHARP + 1)),
    *_FOR_TERMINALS,
)


def payment_png(payment_request: str) -> bytes:
    """The QR code of a payment request as a PNG of one bit a pixel, some 1 to 10 kB.

    Eight pixels a module: with error correction M up to 2351 characters, with L up to 2991.
    Longer ones, up to 4278 characters, get fewer pixels, since no side is above 1280.
    Up to 716 characters there is a bolt in the middle.
    Raises ValueError for what can't be a QR code.
    """
    code = _encode(payment_request, _FOR_PICTURES)
    module_px = min(_MODULE_PX, _LONGEST_SIDE_PX // code.side)
    rows = _pixel_rows(code, module_px)
    like_above = (_ROW_FROM_ABOVE + bytes(len(rows[0]))) * (module_px - 1)
    lines = [_ROW_ITSELF + row + like_above for row in rows]
    if bolt := _bolt(code.side):
        for at, (first, others) in enumerate(bolt.rows, bolt.begin):
            row = rows[at][: bolt.begin] + first + rows[at][bolt.end :]
            lines[at] = _ROW_ITSELF + row + others
    return _code_png(code.side * module_px, b"".join(lines))


class Drawing(Enum):
    """How a terminal can show a code."""

    COLOURED = "coloured"  # half blocks, black on white in any theme
    SPACES = "spaces"  # likewise, where there are no letters but ASCII's
    PLAIN = "plain"  # half blocks without colours, for light letters on a dark ground


class TerminalCode(NamedTuple):
    """A code as lines of text, and how many columns a terminal needs for them."""

    columns: int
    text: str


def terminal(payment_request: str, drawing: Drawing = Drawing.COLOURED) -> TerminalCode:
    """The QR code of a payment request as lines of text.

    A character is two modules, one above the other: a request of 312 characters takes 61 columns
    and 31 lines. In spaces a module is two characters. Raises ValueError for what can't be a QR
    code.
    """
    code = _encode(payment_request, _FOR_TERMINALS)
    rows = [code.modules[at : at + code.side] for at in range(0, len(code.modules), code.side)]
    if drawing is Drawing.SPACES:
        return TerminalCode(2 * code.side, "".join(map(_spaces, rows)))
    pairs = itertools.zip_longest(rows[::2], rows[1::2], fillvalue=_LIGHT * code.side)
    begins, ends = (_BLACK_ON_WHITE, _RESET) if drawing is Drawing.COLOURED else ("", "")
    characters = "█▀▄ " if drawing is Drawing.COLOURED else " ▄▀█"
    lines = (_half_blocks(upper, lower, characters) for upper, lower in pairs)
    return TerminalCode(code.side, "".join(f"{begins}{line}{ends}\n" for line in lines))


@functools.cache
def closed_png(state: ClosedState) -> bytes:
    """What takes the place of a closed invoice's code: its state, and nothing to scan."""
    look = _CLOSED[state]
    width, height = _CARD_PX
    card = Image.new("L", (width * _FINER, height * _FINER))
    draw = ImageDraw.Draw(card)
    _disc(draw, _DISC_PX, 144, fill=255)
    across, down = _DISC_PX
    for line in look.lines:
        _stroke(draw, [(across + x, down + y) for x, y in line])
    font = ImageFont.load_default(look.size_px * _FINER)
    bold = look.size_px * _FINER / 50
    begin, middle = _WORD_PX
    draw.text((begin * _FINER, middle * _FINER), look.word, 255, font, "lm", stroke_width=bold)
    return _png(_tinted(card.reduce(_FINER), look.colour))


def _half_blocks(upper: bytes, lower: bytes, characters: str) -> str:
    """`characters`: for both dark, dark above, dark below, both light."""
    return "".join(
        characters[(top & 2) + (bottom & 1)] for top, bottom in zip(upper, lower, strict=True)
    )


def _spaces(row: bytes) -> str:
    runs = ((module, len([*run]) * "  ") for module, run in itertools.groupby(row))
    return "".join(_GROUNDS[module] + run for module, run in runs) + f"{_RESET}\n"


def _disc(draw: ImageDraw.ImageDraw, centre: tuple[float, float], radius: float, fill: int) -> None:
    draw.circle([at * _FINER for at in centre], radius * _FINER, fill)


def _stroke(draw: ImageDraw.ImageDraw, points: list[tuple[float, float]]) -> None:
    """A thick line through a white disc, with round ends and corners."""
    draw.line([at * _FINER for point in points for at in point], 0, _STROKE_PX * _FINER)
    for point in points:
        _disc(draw, point, _STROKE_PX / 2, fill=0)


def _tinted(grey: Image.Image, colour: tuple[int, int, int]) -> Image.Image:
    """The same picture with `colour` for black, in sixteen shades up to white."""
    shades = grey.point([round(value / 17) for value in range(256)])
    picture = Image.frombytes("P", grey.size, shades.tobytes())
    picture.putpalette(
        [round(level + (255 - level) * shade / 15) for shade in range(16) for level in colour]
    )
    return picture


def _png(picture: Image.Image) -> bytes:
    png = io.BytesIO()
    picture.save(png, "PNG")
    return png.getvalue()


def _pixel_rows(code: _Code, module_px: int) -> list[bytes]:
    """One row of pixels of each row of modules, eight pixels a byte."""
    packed = code.modules
    if module_px != _MODULE_PX:
        modules = Image.frombytes("1", (code.side, code.side), packed, "raw", "1;8")
        wide = modules.resize((code.side * module_px, code.side), Image.Resampling.NEAREST)
        packed = wide.tobytes()
    width = len(packed) // code.side
    return [packed[at : at + width] for at in range(0, len(packed), width)]


@functools.cache
def _bolt(side: int) -> _Bolt | None:
    """The bolt of a code that has `side` modules, quiet zone included; None in large codes."""
    modules = side - 2 * _QUIET
    if modules > _BOLT_UP_TO_MODULES:
        return None
    # odd, like the number of the code's modules: otherwise it would not be in the middle
    width = (modules * _BOLT_PERCENT // 100 - 1) // 2 * 2 + 1
    begin = (side - width) // 2
    size_px = width * _MODULE_PX
    picture = Image.new("1", (size_px, size_px), 1)
    ImageDraw.Draw(picture).polygon([(x * size_px / 72, y * size_px / 72) for x, y in _BOLT], 0)
    packed = picture.tobytes()
    lines = [packed[at : at + width] for at in range(0, len(packed), width)]
    margin = bytes(begin)
    changes = [
        _ROW_FROM_ABOVE + margin + _difference(above, line) + margin
        for above, line in itertools.pairwise(lines)
    ]
    rows = [
        (lines[at], b"".join(changes[at : at + _MODULE_PX - 1]))
        for at in range(0, size_px, _MODULE_PX)
    ]
    return _Bolt(begin, begin + width, rows)


def _difference(above: bytes, line: bytes) -> bytes:
    return bytes((there - here) % 256 for here, there in zip(above, line, strict=True))


def _code_png(side_px: int, lines: bytes) -> bytes:
    """A square PNG of one bit a pixel.

    Pillow would compress every pixel's row. PNG can say that a row is like the one above, and it
    takes an eighth of the time.
    """
    deflate = zlib.compressobj(strategy=zlib.Z_RLE)
    header = struct.pack(">IIBBBBB", side_px, side_px, 1, 0, 0, 0, 0)
    return _PNG_START + b"".join(
        _png_chunk(kind, content)
        for kind, content in (
            (b"IHDR", header),
            (b"IDAT", deflate.compress(lines) + deflate.flush()),
            (b"IEND", b""),
        )
    )


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def _encode(payment_request: str, formats: Sequence[_Format]) -> _Code:
    text = payment_request.upper()
    chosen = next((each for each in formats if len(text) <= _capacity(each)), None)
    if chosen is None:
        raise ValueError(f"{len(payment_request)} characters fit into no QR code")
    words = _with_error_correction(_data_words(text, chosen), chosen)
    layout = _layout(chosen)
    return _Code(layout.side, bytes(layout.pick(_sources(words))))


@functools.cache
def _capacity(chosen: _Format) -> int:
    """How many characters of a payment request fit in."""
    heads = len(_scheme(chosen.version) + _head(_ALPHANUMERIC, 0, chosen.version))
    bits = util.BIT_LIMIT_TABLE[chosen.level][chosen.version] - heads
    return bits // 11 * 2 + (bits % 11 >= 6)


def _head(mode: Literal[2, 4], length: int, version: int) -> str:
    """What a segment begins with: its mode and its length in characters."""
    return f"{mode:04b}{length:0{util.length_in_bits(mode, version)}b}"


@functools.cache
def _scheme(version: int) -> str:
    """The first segment."""
    characters = "".join(f"{byte:08b}" for byte in _SCHEME)
    return _head(_BYTES, len(_SCHEME), version) + characters


def _data_words(text: str, chosen: _Format) -> bytes:
    """The scheme and the text as QR's data: two segments, end, padding."""
    pairs = (text[at : at + 2] for at in range(0, len(text), 2))
    try:
        characters = "".join([_BITS[pair] for pair in pairs])
    except KeyError as error:
        raise ValueError(f"{error} can't be in the QR code of a payment request") from None
    head = _head(_ALPHANUMERIC, len(text), chosen.version)
    bits = _scheme(chosen.version) + head + characters
    room = util.BIT_LIMIT_TABLE[chosen.level][chosen.version] // 8
    bits += "0" * min(4, 8 * room - len(bits))
    bits += "0" * (-len(bits) % 8)
    words = int(bits, 2).to_bytes(len(bits) // 8)
    padding = bytes((util.PAD0, util.PAD1)) * room
    return (words + padding)[:room]


def _with_error_correction(data: bytes, chosen: _Format) -> bytes:
    """The words in the order of drawing: blocks take turns, so that a stain hurts each a little."""
    blocks, corrections = [], []
    start = 0
    for total_count, data_count in base.rs_blocks(chosen.version, chosen.level):
        block = data[start : start + data_count]
        start += data_count
        blocks.append(block)
        corrections.append(_error_correction(block, total_count - data_count))
    columns = itertools.chain(itertools.zip_longest(*blocks), zip(*corrections, strict=True))
    return bytes(word for column in columns for word in column if word is not None)


def _error_correction(block: bytes, count: int) -> bytes:
    """The remainder of dividing the block by the generator polynomial (Reed and Solomon)."""
    multiples = _generator_multiples(count)
    top = 8 * (count - 1)
    below_top = (1 << top) - 1
    remainder = 0
    for word in block:
        remainder = ((remainder & below_top) << 8) ^ multiples[(remainder >> top) ^ word]
    return remainder.to_bytes(count)


@functools.cache
def _generator_multiples(count: int) -> list[int]:
    """The generator polynomial without its leading 1, times each of the field's 256 numbers."""
    logs = [base.glog(factor) for factor in LUT.rsPoly_LUT[count][1:]]
    return [0] + [
        int.from_bytes(bytes(base.gexp(log + base.glog(number)) for log in logs))
        for number in range(1, 256)
    ]


def _sources(words: bytes) -> bytes:
    """All that a module can be: each bit, each bit as the mask turns it over, dark, light."""
    # the last modules have no data: for them eight zeros are added
    bits = f"{int.from_bytes(words) << 8:0{_bit_count(len(words))}b}".encode()
    return bits.translate(_PLAIN) + bits.translate(_MASKED) + _DARK + _LIGHT


def _bit_count(word_count: int) -> int:
    return 8 * word_count + 8


@functools.lru_cache(maxsize=32)
def _layout(chosen: _Format) -> _Layout:
    """Where in _sources() each module of such a code is found."""
    qr = _FixedPatterns(
        chosen.version, chosen.level, border=_QUIET, mask_pattern=_MASK, image_factory=PilImage
    )
    qr.data_cache = []
    qr.make(fit=False)
    bit_count = _bit_count(sum(block.total_count for block in base.rs_blocks(*chosen)))
    dark, light = 2 * bit_count, 2 * bit_count + 1
    picks = [[dark if module else light for module in row] for row in qr.get_matrix()]
    is_masked = util.mask_func(_MASK)
    free = (place for place in _zigzag(qr.modules_count) if qr.modules[place[0]][place[1]] is None)
    for bit, (row, column) in enumerate(free):
        source = bit_count + bit if is_masked(row, column) else bit
        picks[row + _QUIET][column + _QUIET] = source
    return _Layout(len(picks), operator.itemgetter(*itertools.chain(*picks)))


class _FixedPatterns(QRCode[PilImage]):
    """qrcode's own code without its data: there, its modules are None."""

    def map_data(self, data: Sequence[int], mask_pattern: int) -> None:
        """Leaves the data out."""


def _zigzag(size: int) -> Iterator[tuple[int, int]]:
    """Rows and columns in the order of the data: from the right, two columns up, two down."""
    rows = range(size - 1, -1, -1)
    for right in (*range(size - 1, 6, -2), *range(5, 0, -2)):
        for row in rows:
            yield row, right
            yield row, right - 1
        rows = rows[::-1]
