"""Words and signs that change an amount when they follow it. Knows nothing of the rest."""

from __future__ import annotations

import re
import unicodedata

# What follows an amount may be a long memo: no more letters of it are looked at.
LOOKED_AT = 256

# sats in one of each
SAT_WORDS = dict.fromkeys(("sat", "sats", "satoshi", "satoshis"), 1)
SHORT = {"k": 1_000, "m": 1_000_000}
UNITS = {
    **SAT_WORDS,
    **dict.fromkeys(("ksat", "ksats"), 1_000),
    **dict.fromkeys(("btc", "₿"), 100_000_000),
}


def _words(words: str) -> frozenset[str]:
    return frozenset(words.split())


# How many one of them is, in the languages that people here write. As the start of a memo they
# would make two sats of "2 grand". Where languages differ ("mil", "billion") it is the fewest.
MULTIPLES = {
    word: factor
    for factor, words in {
        12: """dozen dozens doz dutzend docena docenas douzaine douzaines dozzina dozzine dúzia
            dúzias дюжина дюжины дюжин""",
        20: "score scores",
        100: """hundred hundreds hundert cien ciento cento centaines centinaia сто сотня сотни
            сотен 百 백""",
        144: "gross",
        1_000: """k к kilo kilos grand thousand thousands thou tausend tsd mil mille mila milliers
            migliaia milhar milhares тыс тысяча тысячу тысячи тысяч кило 千 천""",
        10_000: "myriad myriads 万 萬 만",
        100_000: "lakh lakhs lac lacs",
        1_000_000: """m м mm kk кк mega mn mio mln million millions millionen millón millon
            millones milhão milhao milhões milhoes milione milioni млн миллион миллиона миллионов
            лям ляма лямов мега""",
        10_000_000: "crore crores",
        100_000_000: "億 亿 억",
        1_000_000_000: """b bn giga billion billions milliarde milliarden mrd milliard milliards
            miliardo miliardi bilhão bilhões млрд миллиард миллиарда миллиардов гига""",
        10**12: """tera tn trillion trillions billionen billón billones trilhão trilhões трлн
            триллион триллиона триллионов 兆""",
        10**15: "peta quadrillion quadrillions quintillion quintillions",
    }.items()
    for word in words.split()
}
# "five" and "a million" are written out in these, for an example in digits.
ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve"),
)
# They make part of one, or a few: "1 half btc", "2 and a half k". "2100 half marathon" is a memo.
PARTS = _words(
    """half halves quarter quarters third thirds couple pair few halb halbe medio meia demi
    mezzo mezza половина"""
)
# What stands before a part: "2 and a half".
AND = _words("and & und y et e и")
ARTICLES = _words("a an one ein eine un una uno um uma")
# A part of what is not said.
PERCENT = _words(
    "percent pct prozent procent pourcent percento процент процента процентов permille bps ppm"
)
# A bitcoin or a sat by another name, with any prefix. As the start of a memo they would make one
# sat of "1 bitcoin". Powers of ten, and sats in one.
PREFIXES = {
    prefix: power
    for power, prefixes in {
        3: "kilo k",
        6: "mega",
        9: "giga g",
        12: "tera t",
        2: "hecto h",
        -1: "deci d",
        -2: "centi c",
        -3: "milli m",
        -6: "micro u μ",
        -9: "nano n",
        -12: "pico p",
    }.items()
    for prefix in prefixes.split()
}
BITCOIN = _words("btc xbt bitcoin ₿ биткоин биткойн битк биток 比特币 ビットコイン")
NAMES = {
    "sat": 1,
    "satoshi": 1,
    "finney": 10,
    "bit": 100,
    "бит": 100,
    "bitcent": 10**6,
} | dict.fromkeys(BITCOIN, 10**8)
NAMED = re.compile(
    rf"(?P<prefix>(?:{'|'.join(PREFIXES)})?)-?(?P<name>{'|'.join(sorted(NAMES, reverse=True))})"
    "(?:s|а|ов)?"
)
# Another currency's amount would become as many sats.
MONEY = _words(
    """usd eur gbp chf jpy cny inr brl cad aud nzd mxn ars clp ngn kes ghs zar pln czk huf sek nok
    dkk isk krw thb idr vnd uah ils aed hkd sgd twd usdt usdc eth ltc xmr
    dollar dollars buck bucks cent cents euro euros pound pounds quid pence yen yuan franc francs
    peso pesos reais rupee rupees ruble rubles rouble roubles zloty naira krona"""
)
# other words as well, so only in capitals
MONEY_IN_CAPITALS = _words("COP PHP RUB TRY")

# What people put between groups of digits. Apostrophes and dots of every shape look alike.
SEPARATORS = ".,'_`\u00b4\u2018\u2019\u02bc\u00b7\u2022\u2219\u22c5\u02d9\u066b\u066c\u3001\u3002"
QUOTES = "\"'`\u00b4\u2018-\u201f\u00ab\u00bb\u2039\u203a\u2032\u2033\u300c-\u300f\uff02\uff07"
AROUND_QUOTES = re.compile(f"^[{QUOTES}]+|[{QUOTES}]+$")
# letters of some scripts that show nothing
_BLANKS = dict.fromkeys(map(ord, "\u115f\u1160\u2800\u3164"), " ")


def is_unit(word: str) -> bool:
    return word in UNITS or bool(NAMED.fullmatch(word))


def is_money_sign(letter: str) -> bool:
    return unicodedata.category(letter) == "Sc" and letter != "₿"


def plain(word: str) -> str:
    """As a unit is compared: no punctuation around it, no capitals, nothing invisible."""
    return seen(word).casefold().strip(".,:;!?()[]{}\"'")


def seen(text: str) -> str:
    """As a reader takes its start: plain letters and digits without marks, and blanks as spaces."""
    start = " ".join(text[:LOOKED_AT].split())
    letters = unicodedata.normalize("NFKC", visible(start)).translate(_BLANKS)
    return "".join(each for each in letters if unicodedata.category(each) not in ("Mn", "Me"))


def is_visible(word: str) -> bool:
    """Whether each of its letters shows something."""
    return visible(word) == word == word.translate(_BLANKS)


def visible(text: str) -> str:
    # C: control, format (among them every direction mark), surrogate, private, unassigned
    return "".join(letter for letter in text if unicodedata.category(letter)[0] != "C")
