"""Pictures of payment requests are read back from their pixels; nothing is from closed ones."""

from __future__ import annotations

import io
import itertools
import random
import re
import statistics
import time
from collections.abc import Callable
from typing import get_args

import pytest
import qrcode
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from qrcode import util

from bot.chat import qr
from bot.chat.qr import ClosedState, Drawing, closed_png, payment_png, terminal

BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
LENGTHS = [*range(260, 2001, 60), 600, 601, 1283, 2000, 2012]
CLOSED: tuple[ClosedState, ...] = get_args(ClosedState)


def request(length: int, *, seed: int = 0) -> str:
    """What looks like a payment request of that length."""
    return "lnbc21u1p" + "".join(random.Random(seed).choices(BECH32, k=length - 9))


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("L")


def read(picture: Image.Image) -> list[str]:
    # asked for everything, it finds a grocery's bar code now and then in a QR code's noise
    return [found.text for found in zxingcpp.read_barcodes(picture, zxingcpp.BarcodeFormat.QRCode)]


def as_a_chat_shows_it(png: bytes, *, length: int, filter_: Image.Resampling) -> Image.Image:
    """Sent on as a JPEG, and scaled down."""
    jpeg = io.BytesIO()
    opened(png).save(jpeg, "JPEG", quality=80)
    side = 320 if length <= 600 else 640
    return Image.open(jpeg).resize((side, side), filter_)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_picture_is_read_back_at_full_size(length: int) -> None:
    payment_request = request(length)
    assert read(opened(payment_png(payment_request))) == ["LIGHTNING:" + payment_request.upper()]


@pytest.mark.parametrize("filter_", [Image.Resampling.LANCZOS, Image.Resampling.BILINEAR])
@pytest.mark.parametrize("length", LENGTHS)
def test_a_picture_is_read_back_as_a_chat_shows_it(length: int, filter_: Image.Resampling) -> None:
    payment_request = request(length)
    seen = as_a_chat_shows_it(payment_png(payment_request), length=length, filter_=filter_)
    assert read(seen) == ["LIGHTNING:" + payment_request.upper()]


@settings(deadline=None, max_examples=50)
@given(st.integers(260, 2000), st.integers(min_value=0))
def test_any_picture_is_read_back_at_both_sizes(length: int, seed: int) -> None:
    payment_request = request(length, seed=seed)
    png = payment_png(payment_request)
    small = as_a_chat_shows_it(png, length=length, filter_=Image.Resampling.LANCZOS)
    assert read(opened(png)) == read(small) == ["LIGHTNING:" + payment_request.upper()]


@pytest.mark.parametrize(
    ("length", "module_px"), [*((n, 8) for n in LENGTHS), (2999, 8), (4286, 6)]
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


def levels_read(length: int) -> str:
    found = zxingcpp.read_barcodes(
        opened(payment_png(request(length))), zxingcpp.BarcodeFormat.QRCode
    )
    return found[0].ec_level


def test_error_correction_is_m_while_modules_keep_their_eight_pixels() -> None:
    assert [levels_read(n) for n in (260, 2359, 2360, 4286)] == ["M", "M", "L", "L"]


def test_the_longest_request_is_read_back_and_a_longer_one_refused() -> None:
    longest = request(4286)
    assert read(opened(payment_png(longest))) == ["LIGHTNING:" + longest.upper()]
    with pytest.raises(ValueError, match=r"^4287 characters fit into no QR code$"):
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
        length = qr._capacity(chosen) - left - len("LIGHTNING:")
        payment_request = request(length)[:length].upper()
        theirs = qrcode.QRCode(version, chosen.level, border=4, mask_pattern=0)
        text = f"LIGHTNING:{payment_request}".encode()
        theirs.add_data(util.QRData(text, util.MODE_ALPHA_NUM))
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
    assert read(seen) == ["LIGHTNING:" + payment_request.upper()]


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
    assert read(seen) == ["LIGHTNING:" + payment_request.upper()]
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
    assert read(seen) == ["LIGHTNING:" + payment_request.upper()]


@pytest.mark.parametrize("state", CLOSED)
def test_nothing_can_be_scanned_from_a_closed_picture(state: ClosedState) -> None:
    picture = Image.open(io.BytesIO(closed_png(state))).convert("RGB")
    for side in (320, 640, 800, 1280):
        for shown in (picture, picture.convert("L"), picture.point(lambda value: 255 - value)):
            scaled = shown.resize((side, side))
            for binarizer in (
                zxingcpp.Binarizer.LocalAverage,
                zxingcpp.Binarizer.GlobalHistogram,
                zxingcpp.Binarizer.FixedThreshold,
            ):
                assert not zxingcpp.read_barcodes(scaled, binarizer=binarizer, return_errors=True)


@pytest.mark.parametrize("state", CLOSED)
def test_a_closed_picture_is_one_small_fixed_picture(state: ClosedState) -> None:
    png = closed_png(state)
    assert closed_png(state) is png
    assert len(png) < 20_000
    assert Image.open(io.BytesIO(png)).size == (800, 800)


def test_closed_pictures_are_told_apart_by_their_colour() -> None:
    colours = {state: opened_colour(closed_png(state)) for state in CLOSED}
    red, green, blue = colours["paid"]
    assert green > red + blue / 2
    assert max(colours["expired"]) - min(colours["expired"]) < 20
    assert len(set(colours.values())) == len(CLOSED)


def opened_colour(png: bytes) -> tuple[int, int, int]:
    red, green, blue = Image.open(io.BytesIO(png)).convert("RGB").getpixel((0, 0))
    return red, green, blue
