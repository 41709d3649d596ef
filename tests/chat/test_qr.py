"""Pictures of payment requests are read back from their pixels; nothing is from closed ones."""

from __future__ import annotations

import io
import itertools
import random
import re
import statistics
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol, get_args

import cv2
import numpy as np
import pytest
import qrcode
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops
from qrcode import base, util

from bot.chat import qr
from bot.chat.qr import ClosedState, Drawing, closed_png, payment_png, terminal

BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
LENGTHS = [*range(260, 2001, 60), 600, 601, 1283, 2000, 2012]
CLOSED: tuple[ClosedState, ...] = get_args(ClosedState)


class Detector(Protocol):
    """A reader of OpenCV's."""

    def detectAndDecode(self, picture: Any) -> tuple[str, Any, Any]:  # noqa: N802 -- its name
        """What a picture says, "" for nothing, and where."""


def request(length: int, *, seed: int = 0) -> str:
    """What looks like a payment request of that length."""
    return "lnbc21u1p" + "".join(random.Random(seed).choices(BECH32, k=length - 9))


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("L")


def read(picture: Image.Image) -> list[str]:
    # asked for everything, it finds a grocery's bar code now and then in a QR code's noise
    return [found.text for found in zxingcpp.read_barcodes(picture, zxingcpp.BarcodeFormat.QRCode)]


def read_plainly(picture: Image.Image) -> list[str]:
    """As simple readers do: one threshold for the whole picture, and one try."""
    found = zxingcpp.read_barcodes(
        picture,
        zxingcpp.BarcodeFormat.QRCode,
        binarizer=zxingcpp.Binarizer.GlobalHistogram,
        try_downscale=False,
    )
    return [each.text for each in found]


def text_of(payment_request: str) -> str:
    """What a code has to say: the scheme in small letters, the request in capitals."""
    return "lightning:" + payment_request.upper()


def as_jpeg(picture: Image.Image, quality: int = 85) -> Image.Image:
    jpeg = io.BytesIO()
    picture.save(jpeg, "JPEG", quality=quality)
    return Image.open(jpeg)


def scaled(picture: Image.Image, side: int = 320) -> Image.Image:
    return picture.resize((side, side), Image.Resampling.LANCZOS)


def turned(picture: Image.Image) -> Image.Image:
    return picture.rotate(7, Image.Resampling.BICUBIC, expand=True, fillcolor=255)


READERS = {"zxing": read, "zxing, plainly": read_plainly}
WAYS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "full size": lambda picture: picture,
    "640 px": lambda picture: scaled(picture, 640),
    "320 px": scaled,
    "turned": turned,
    "JPEG": as_jpeg,
    "all of it": lambda picture: scaled(turned(as_jpeg(picture))),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("length", LENGTHS)
def test_an_open_picture_is_read_back(length: int, reader: str, way: str) -> None:
    payment_request = request(length)
    seen = WAYS[way](opened(payment_png(payment_request)))
    assert READERS[reader](seen) == [text_of(payment_request)]


#: OpenCV's readers, and the longest request that each reads in each way: at 320 px a longer
#: one has three pixels a module or fewer, of which both lose some.
OPENCV: dict[str, tuple[Callable[[], Detector], dict[str, int]]] = {
    "OpenCV": (
        cv2.QRCodeDetector,
        {
            "full size": 1220,
            "JPEG": 1220,
            "turned": 620,
            "640 px": 1220,
            "320 px": 380,
            "all of it": 380,
        },
    ),
    "OpenCV, by its markers": (
        cv2.QRCodeDetectorAruco,
        {
            "full size": 2012,
            "JPEG": 2012,
            "turned": 2012,
            "640 px": 1580,
            "320 px": 380,
            "all of it": 380,
        },
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("reader", OPENCV)
def test_an_open_picture_is_read_back_by_another_library(reader: str, way: str) -> None:
    detector, longest = OPENCV[reader]
    for length in (each for each in LENGTHS if each <= longest[way]):
        payment_request = request(length)
        seen = WAYS[way](opened(payment_png(payment_request)))
        text, *_ = detector().detectAndDecode(np.asarray(seen))
        assert text == text_of(payment_request), length


#: As long as it gets at LND (the longest memo and twenty hints), and as long as a code can hold.
LONGEST = [2351, 2352, 2983, 2991, 2992, 3600, 4278]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("length", LONGEST)
def test_the_longest_requests_are_read_back_at_640_px(length: int, reader: str) -> None:
    payment_request = request(length)
    picture = opened(payment_png(payment_request))
    for seen in (picture, scaled(picture, 640), scaled(turned(as_jpeg(picture)), 640)):
        assert READERS[reader](seen) == [text_of(payment_request)]


@pytest.mark.parametrize("length", LONGEST)
def test_the_longest_requests_are_read_back_as_drawn_by_another_library(length: int) -> None:
    payment_request = request(length)
    seen = opened(payment_png(payment_request))
    text, *_ = cv2.QRCodeDetectorAruco().detectAndDecode(np.asarray(seen))
    assert text == text_of(payment_request)


@pytest.mark.parametrize("state", CLOSED)
@pytest.mark.parametrize("reader", OPENCV)
def test_another_library_reads_nothing_in_a_closed_picture(state: ClosedState, reader: str) -> None:
    detector, _ = OPENCV[reader]
    text, *_ = detector().detectAndDecode(np.asarray(opened(closed_png(state))))
    assert text == ""


@settings(deadline=None, max_examples=50)
@given(st.integers(260, 2000), st.integers(min_value=0), st.sampled_from(sorted(WAYS)))
def test_any_open_picture_is_read_back(length: int, seed: int, way: str) -> None:
    payment_request = request(length, seed=seed)
    seen = WAYS[way](opened(payment_png(payment_request)))
    assert read(seen) == [text_of(payment_request)]


@pytest.mark.parametrize(
    ("length", "module_px"), [*((n, 8) for n in LENGTHS), (2991, 8), (4278, 6)]
)
def test_a_picture_is_small_sharp_and_has_its_quiet_zone(length: int, module_px: int) -> None:
    png = payment_png(request(length))
    picture = Image.open(io.BytesIO(png))
    assert len(png) < 20_000
    assert picture.mode == "1"
    assert picture.width == picture.height <= 1280
    dark_from = next(at for at in range(picture.width) if not picture.getpixel((at, at)))
    assert dark_from == 4 * module_px
    # a finder pattern's edge is seven modules long
    edge = [picture.getpixel((dark_from + at, dark_from)) for at in range(8 * module_px)]
    assert edge == [0] * 7 * module_px + [255] * module_px


@pytest.mark.parametrize("length", [312, 600, 1283, 2012, 2991])
def test_a_jpeg_keeps_each_pixel_of_each_module(length: int) -> None:
    picture = opened(payment_png(request(length)))
    seen = as_jpeg(picture)
    for each in (picture, seen):
        each.paste(255, middle(each))
    assert seen.tobytes() == picture.tobytes()


def middle(picture: Image.Image) -> tuple[int, int, int, int]:
    """A square of 17 % of the code's side."""
    half = (picture.width - 64) * 17 // 200
    centre = picture.width // 2
    return centre - half, centre - half, centre + half, centre + half


@pytest.mark.parametrize("length", [20, 70, 150, 260, 312, 420, 600, 716, 717, 2012, 2351, 4278])
def test_outside_of_its_middle_a_picture_is_its_modules(length: int) -> None:
    payment_request = request(length)
    picture = opened(payment_png(payment_request))
    side, modules = qr._encode(payment_request, qr._FOR_PICTURES)
    plain = Image.frombytes("L", (side, side), modules).resize(
        picture.size, Image.Resampling.NEAREST
    )
    assert (picture.tobytes() == plain.tobytes()) is (length > 716)
    for each in (picture, plain):
        each.paste(255, middle(each))
    assert picture.tobytes() == plain.tobytes()


@pytest.mark.parametrize("version", range(1, 18))
def test_the_bolt_is_in_the_middle_on_white_and_the_same_in_each_code(version: int) -> None:
    length = qr._capacity(qr._Format(version, 0))
    bolt = qr._bolt(25 + 4 * version)
    assert bolt is not None
    box = (8 * bolt.begin, 8 * bolt.begin, 8 * bolt.end, 8 * bolt.end)
    codes = [opened(payment_png(request(length, seed=seed)[:length])) for seed in (1, 2)]
    one, other = [code.crop(box) for code in codes]
    assert codes[0].width == codes[1].width == 8 * (bolt.begin + bolt.end)
    assert one.tobytes() == other.tobytes()
    dark = one.point(lambda value: 255 - value).getbbox()
    assert dark is not None
    left, top, right, bottom = dark
    assert min(left, top) > one.width // 16
    assert abs(left + right - one.width) <= 2
    assert abs(top + bottom - one.width) <= 2


@pytest.mark.parametrize("version", range(1, 18))
def test_the_bolt_leaves_half_of_the_error_correction(version: int) -> None:
    chosen, blocks = qr._Format(version, 0), base.rs_blocks(version, 0)
    bit_count = qr._bit_count(sum(block.total_count for block in blocks))
    layout, bolt = qr._layout(chosen), qr._bolt(25 + 4 * version)
    assert bolt is not None
    drawn = layout.pick(range(2 * bit_count + 2))
    covered = range(bolt.begin, bolt.end)
    hidden = {drawn[row * layout.side + column] for row in covered for column in covered}
    words = {source % bit_count // 8 for source in hidden if source < 2 * bit_count}
    columns = itertools.chain(
        itertools.zip_longest(*([at] * block.data_count for at, block in enumerate(blocks))),
        itertools.repeat(range(len(blocks)), blocks[0].total_count - blocks[0].data_count),
    )
    block_of = [at for column in columns for at in column if at is not None]
    lost = Counter(block_of[word] for word in words if word < len(block_of))
    restored = (blocks[0].total_count - blocks[0].data_count) // 2
    assert 0 < max(lost.values()) <= restored / 2


def levels_read(length: int) -> str:
    found = zxingcpp.read_barcodes(
        opened(payment_png(request(length))), zxingcpp.BarcodeFormat.QRCode
    )
    return found[0].ec_level


def test_error_correction_is_m_while_modules_keep_their_eight_pixels() -> None:
    assert [levels_read(n) for n in (260, 2351, 2352, 4278)] == ["M", "M", "L", "L"]


def test_the_longest_request_is_read_back_and_a_longer_one_refused() -> None:
    longest = request(4278)
    assert read(opened(payment_png(longest))) == [text_of(longest)]
    with pytest.raises(ValueError, match=r"^4279 characters fit into no QR code$"):
        payment_png(longest + "q")


@pytest.mark.parametrize("odd", ["", "q"])
def test_what_is_not_alphanumeric_is_refused(odd: str) -> None:
    with pytest.raises(ValueError, match="can't be in the QR code"):
        payment_png(f"lnbc1{odd}?q")


@pytest.mark.parametrize("version", range(1, 41))
@pytest.mark.parametrize("level", ["L", "M"])
def test_each_module_is_where_qrcode_puts_it(version: int, level: str) -> None:
    chosen = qr._Format(version, {"L": 1, "M": 0}[level])
    for left in (0, 1, 2):
        length = qr._capacity(chosen) - left
        payment_request = request(length)[:length].upper()
        theirs = qrcode.QRCode(version, chosen.level, border=4, mask_pattern=0)
        theirs.add_data(util.QRData(b"lightning:", util.MODE_8BIT_BYTE))
        theirs.add_data(util.QRData(payment_request.encode(), util.MODE_ALPHA_NUM))
        theirs.make(fit=False)
        modules = b"".join(
            b"\x00" if module else b"\xff" for module in itertools.chain(*theirs.get_matrix())
        )
        assert qr._encode(payment_request, [chosen]) == (len(theirs.get_matrix()), modules)


def test_a_picture_costs_at_most_an_eighth_of_the_plain_way() -> None:
    payment_request = request(312)

    def plain() -> None:
        qrcode.make(payment_request).save(io.BytesIO())

    payment_png(payment_request)
    assert cpu_s(lambda: payment_png(payment_request)) < cpu_s(plain) / 8


def cpu_s(call: Callable[[], object]) -> float:
    def once() -> float:
        started = time.process_time()
        call()
        return time.process_time() - started

    return statistics.median(once() for _ in range(9))


def rendered(ansi: str, *, background: int) -> Image.Image:
    """The text as a terminal of that background shows it, eight by sixteen pixels a character."""
    lines = ansi.splitlines()
    colours = {"16": 0, "231": 255}
    picture = Image.new("L", (8 * (len(lines[0]) + 20), 16 * (len(lines) + 10)), background)
    for row, line in enumerate(lines):
        match = re.fullmatch(r"\x1b\[38;5;(\d+);48;5;(\d+)m([█▀▄ ]+)\x1b\[0m", line)
        assert match
        ink, paper = colours[match[1]], colours[match[2]]
        for column, block in enumerate(match[3]):
            upper = ink if block in "█▀" else paper
            lower = ink if block in "█▄" else paper
            left, top = 8 * (column + 5), 16 * (row + 5)
            picture.paste(upper, (left, top, left + 8, top + 8))
            picture.paste(lower, (left, top + 8, left + 8, top + 16))
    return picture


@pytest.mark.parametrize("background", [0, 255])
@pytest.mark.parametrize("length", [260, 261, 312, 420, 800, 1283])
def test_a_terminal_shows_what_can_be_scanned_whatever_its_theme(
    length: int, background: int
) -> None:
    payment_request = request(length)
    seen = rendered(terminal(payment_request).text, background=background)
    assert read(seen) == [text_of(payment_request)]


@pytest.mark.parametrize(("length", "columns"), [(260, 57), (312, 61), (420, 69), (600, 77)])
def test_a_terminal_needs_few_columns(length: int, columns: int) -> None:
    code = terminal(request(length))
    lines = re.sub(r"\x1b\[[0-9;]*m", "", code.text).splitlines()
    assert {len(line) for line in lines} == {columns} == {code.columns}
    assert len(lines) == (columns + 1) // 2


@pytest.mark.parametrize("length", [260, 312, 600, 1283])
def test_without_colours_a_dark_terminal_shows_what_can_be_scanned(length: int) -> None:
    payment_request = request(length)
    code = terminal(payment_request, Drawing.PLAIN)
    assert set(code.text) <= set("█▀▄ \n")
    # as light letters on a dark ground are
    framed = "".join(f"\x1b[38;5;231;48;5;16m{line}\x1b[0m\n" for line in code.text.splitlines())
    seen = rendered(framed, background=0)
    assert read(seen) == [text_of(payment_request)]
    assert {len(line) for line in code.text.splitlines()} == {code.columns}


@pytest.mark.parametrize("length", [260, 312, 600, 1283])
def test_spaces_in_colour_can_be_scanned_where_there_is_only_ascii(length: int) -> None:
    payment_request = request(length)
    code = terminal(payment_request, Drawing.SPACES)
    assert code.text.isascii()
    rows = [
        [
            {"16": 0, "231": 255}[ground]
            for ground, run in re.findall(r"\x1b\[48;5;(16|231)m( +)", line)
            for _ in run
        ]
        for line in code.text.splitlines()
    ]
    assert {len(row) for row in rows} == {code.columns}
    picture = Image.frombytes("L", (len(rows[0]), len(rows)), bytes(itertools.chain(*rows)))
    seen = picture.resize((4 * picture.width, 8 * picture.height), Image.Resampling.NEAREST)
    assert read(seen) == [text_of(payment_request)]


@pytest.mark.parametrize("state", CLOSED)
def test_nothing_can_be_scanned_from_a_closed_picture(state: ClosedState) -> None:
    picture = Image.open(io.BytesIO(closed_png(state))).convert("RGB")
    for width in (320, 640, 800, 1280):
        for shown in (picture, picture.convert("L"), picture.point(lambda value: 255 - value)):
            small = shown.resize((width, width * 3 // 8))
            for binarizer in (
                zxingcpp.Binarizer.LocalAverage,
                zxingcpp.Binarizer.GlobalHistogram,
                zxingcpp.Binarizer.FixedThreshold,
            ):
                assert not zxingcpp.read_barcodes(small, binarizer=binarizer, return_errors=True)


@pytest.mark.parametrize("state", CLOSED)
def test_a_closed_picture_is_one_small_fixed_picture(state: ClosedState) -> None:
    png = closed_png(state)
    assert closed_png(state) is png
    assert len(png) < 20_000
    assert Image.open(io.BytesIO(png)).size == (1280, 480)


@pytest.mark.parametrize("state", CLOSED)
def test_a_closed_picture_has_its_sign_left_and_its_word_right(state: ClosedState) -> None:
    picture = Image.open(io.BytesIO(closed_png(state))).convert("RGB")
    ground = picture.getpixel((0, 0))
    drawn = ImageChops.difference(picture, Image.new("RGB", picture.size, ground))
    sign, word = drawn.crop((0, 0, 430, 480)).getbbox(), drawn.crop((430, 0, 1280, 480)).getbbox()
    assert sign is not None
    assert word is not None
    assert drawn.crop((410, 0, 450, 480)).getbbox() is None, "room between them"
    for left, top, right, bottom in (sign, word):
        # in the middle of the height, and clear of the edges
        assert abs(top + bottom - 480) <= 8
        assert min(left, top) >= 20
        assert right <= 760


def test_closed_pictures_are_told_apart_by_their_colour() -> None:
    colours = {state: opened_colour(closed_png(state)) for state in CLOSED}
    red, green, blue = colours["paid"]
    assert green > red + blue / 2
    assert max(colours["expired"]) - min(colours["expired"]) < 20
    assert len(set(colours.values())) == len(CLOSED)


def opened_colour(png: bytes) -> tuple[int, int, int]:
    red, green, blue = Image.open(io.BytesIO(png)).convert("RGB").getpixel((0, 0))
    return red, green, blue
