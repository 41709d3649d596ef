"""Words and signs that change an amount when they follow it. Knows nothing of the rest."""

from __future__ import annotations

import re
import unicodedata

from bot.core.amount_money import MONEY, MONEY_AT_THE_END, spelled


def without_marks(text: str) -> str:
    """Without what is drawn above, below or around its letters."""
    return "".join(each for each in text if unicodedata.category(each) not in ("Mn", "Me"))


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


# How many one of them is, in the languages that people here write. As the start of a memo they
# would make two sats of "2 grand". Where languages differ ("mil", "billion") it is the fewest.
MULTIPLES = {
    word: factor
    for factor, words in {
        12: """dozen dozens doz dutzend docena docenas douzaine douzaines dozzina
            dozzine dúzia dúzias дюжина дюжины дюжин dzn""",
        20: "score scores",
        10: "十 십",
        100: """hundred hundreds hundert cien ciento cento centaines centinaia сто сотня
            сотни сотен сот cientos 百 백 hundreds hunderter honderd hundra cem""",
        144: "gross",
        1_000: """k к kilo kilos grand grands thousand thousands thou thous tausend tsd tsnd
            thousend tousand thousnd thsd hazar hazaar rb mil mille mila milliers migliaia milhar
            milhares тыс тысяча
            тысячу тысячи тысяч кило 千 천 仟 тыщ тыща тыщи тис тисяч тисяча тисячі тисячу хиляда
            хиляди хил илјада илјади хиљада хиљаде хиљаду косарь косаря косарей кусков tausender
            duizend tusind tusen tuhat tys tisíc tisíce tysiąc tysiące tysięcy tisuća tisuću
            tisuće tisoč tisoče tisočev hiljada hiljade hiljadu mijë mii tūkstotis tūkstoši
            tūkstošu tūkstantis tūkstančiai tūkstančių tuhatta tuhansia ezer ribu nghìn ngàn elfu
            พัน ألف الف آلاف هزار אלף אלפים χίλια χιλιάδες χιλιάδα हजार हज़ार হাজার ஆயிரம் వేలు
            ہزار হাজার мың ಸಾವಿರ ആയിരം હજાર ਹਜ਼ਾਰ ათასი հազար ພັນ ពាន់ ထောင် ሺህ þúsund""",
        10_000: "myriad myriads 万 萬 만 หมื่น",
        100_000: "lakh lakhs lac lacs लाख লাখ لاکھ แสน",
        1_000_000: """jt m м mm kk кк mega mn mio mln million millions millionen millón millon
            millones milhão milhao milhões milhoes milione milioni млн миллион миллиона миллионов
            лям ляма лямов мега mill mills milyon miljoen miljon miljoner milion miliony milionów
            milionu milijun milijuna juta triệu ล้าน مليون ملايين میلیون מיליון εκατομμύριο
            εκατομμύρια milijon milijona milijonov miljonit milioane miljoonaa мільйон мільйона
            мільйонів милион милиона милиони""",
        10_000_000: "crore crores करोड़",
        100_000_000: "億 亿 억",
        1_000_000_000: """b bn giga billion billions milliarde milliarden mrd milliard milliards
            miliardo miliardi bilhão bilhões млрд миллиард миллиарда миллиардов гига bln milyar
            miljard miliard miliarda""",
        10**12: """tera tn trillion trillions billionen billón billones trilhão trilhões
            трлн триллион триллиона триллионов 兆""",
        10**15: "peta quadrillion quadrillions quintillion quintillions",
    }.items()
    for word in words.split()
}
# They begin memos as well ("2100 mi parte"): only as the last word, or before a unit.
MULTIPLES_AT_THE_END = {
    **dict.fromkeys(("yüz", "sute", "sto", "ratus", "trăm"), 100),
    **dict.fromkeys(("bin", "tis", "t", "т", "mie", "ks", "gs", "th", "libo", "ming"), 1_000),
    **dict.fromkeys(("w",), 10_000),
    **dict.fromkeys(("l",), 100_000),
    **dict.fromkeys(("mi", "tr", "ms"), 1_000_000),
    **dict.fromkeys(("cr",), 10_000_000),
    **dict.fromkeys(("bi", "g"), 1_000_000_000),
    **dict.fromkeys(("tri",), 10**12),
}
# "5 百万", "5 万円" and "5 千sats" are one word.
MULTIPLES_IN_A_WORD = re.compile(
    "(?P<multiples>[十百千仟万萬億亿兆십백천만억]+)(?P<unit>個|个|円|元|圆|圓|块|원|엔|聪|聰|사토시|サトシ|сат|sats?|)"
)
# "five" and "a million" are written out in these, for an example in digits.
ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve"),
)
DIVIDED = spelled("divided geteilt dividido divisé diviso")  # "100 divided by 3"
TIMES = spelled("x × * times mal por fois volte raz razy раз раза")  # "5 x three"
POINTS = spelled("point dot comma komma virgule coma punto punkt")  # "1 point five"
# They make part of one, or a few: "1 half btc", "2 and a half k". "2100 half marathon" is a memo.
PARTS = spelled(
    """half halves quarter quarters third thirds couple pair few halb halbe medio meia demi
    mezzo mezza половина"""
)
# What stands before a part: "2 and a half".
AND = spelled("and & und y et e и")
ARTICLES = spelled("a an one ein eine un una uno um uma")
OF = spelled("de di of do da")  # "5 mi de reais"
# A part of what is not said.
PERCENT = spelled(
    "percent pct prozent procent pourcent percento процент процента процентов permille bps ppm"
)
PERCENT_FIRST = spelled("per pour por pro par")  # "5 per cent"
PERCENT_SECOND = spelled("cent cento ciento mille mil")
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
        -3: "milli mili m ミリ",
        -6: "micro u μ",
        -9: "nano n",
        -12: "pico p",
    }.items()
    for prefix in prefixes.split()
}
_BITCOIN = spelled(
    """btc lnbtc xbt бтц ₿ bitcoin(|y|i|u|a|e|en|ů|ów|lar) биткоин(|у|ы|ів) биткойн битк биток
    біткоїн(|и|ів|а) біткойн 比特币 比特幣 ビットコイン 비트코인 بيتكوين بتكوين ביטקוין
    बिटकॉइन बिटकॉईन บิตคอยน์ บิทคอยน์"""
)
BITCOIN = _BITCOIN | frozenset(map(without_marks, _BITCOIN))
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
# "5 whole bitcoin", "5 in btc"
BEFORE_A_UNIT = spelled("whole full entire complete of in en ganze ganzer")
# Behind a number they begin a memo, and mean the same: it is sats either way.
_SATS_ELSEWHERE = spelled("сат сатов сатоши")
_NOTES = "💵💶💷💴💲"
# What people put between groups of digits. Apostrophes and dots of every shape look alike.
SEPARATORS = ".,'_`\u00b4\u2018\u2019\u02bc\u00b7\u2022\u2219\u22c5\u02d9\u066b\u066c\u3001\u3002"
QUOTES = "\"'`\u00b4\u2018-\u201f\u00ab\u00bb\u2039\u203a\u2032\u2033\u300c-\u300f\uff02\uff07"
AROUND_QUOTES = re.compile(f"^[{QUOTES}]+|[{QUOTES}]+$")
# letters of some scripts that show nothing
_BLANKS = dict.fromkeys(map(ord, "\u115f\u1160\u2800\u3164"), " ")
# A group of zeros among Chinese letters; Unicode has them for no digits. Fewer stand for a name.
_ZEROS = re.compile("[\u3007\u96f6]{3,}")


def is_unit(word: str) -> bool:
    return word in UNITS or word in _SATS_ELSEWHERE or bool(NAMED.fullmatch(word))


def without_dots(word: str) -> str:
    """An abbreviation as one word: "us" of "u.s"."""
    return word.replace(".", "")


def is_money_sign(letter: str) -> bool:
    return (unicodedata.category(letter) == "Sc" and letter != "₿") or letter in _NOTES


def is_sign(word: str) -> bool:
    """Whether it is made of dashes, colons and the like alone: no letter, digit or picture."""
    kinds = {unicodedata.category(letter) for letter in word}
    return bool(word) and all(kind[0] == "P" or kind in ("Sm", "Sk") for kind in kinds)


def multiple_of(word: str) -> int:
    """How many one of it is, in letters of any alphabet that look alike; 0 for other words."""
    return MULTIPLES.get(word) or _FOLDED_MULTIPLES.get(folded(word), 0)


def multiple_at_the_end(word: str) -> int:
    """The same, also of those that are multiples only where nothing follows, or a unit."""
    return multiple_of(word) or MULTIPLES_AT_THE_END.get(word, 0)


def is_money(word: str) -> bool:
    """Whether it is another currency, also with the dots and marks of an abbreviation in it."""
    return not _forms(word).isdisjoint(_FOLDED_MONEY)


def is_money_at_the_end(word: str) -> bool:
    """Whether it is one where nothing follows."""
    return not _forms(word).isdisjoint(_FOLDED_AT_THE_END)


def _forms(word: str) -> set[str]:
    short = _IN_WORDS.sub("", word)
    return {short, folded(short)}


def power_of(word: str) -> int:
    """How many one of it is: 1,000 for "10^3"; 0 for other words."""
    match = _POWER.fullmatch(word)
    return 10 ** int(match["power"]) if match else 0


def without_brackets(text: str) -> str:
    """With each group of three digits out of its brackets or quotes: "(000)"."""
    return _IN_BRACKETS.sub(r"\1", text)


def folded(word: str) -> str:
    """Without accents, and with a Latin letter for each that looks like it."""
    apart = unicodedata.normalize("NFKD", word.casefold())
    return "".join(
        each for each in apart if unicodedata.category(each) not in ("Mn", "Me")
    ).translate(_LOOK_ALIKE)


def lead_of(word: str) -> str:
    """Its letters up to the first that is none: "k" of "k👍", "btc" of "#btc"; "" of "k-pop"."""
    word = without_signs_before(plain(word))
    ends = (at for at, each in enumerate(word) if unicodedata.category(each)[0] not in "LM")
    end = next(ends, len(word))
    lead, after = word[:end], word[end : end + 2]
    # "k9", "k-pop" and "M&Ms"
    is_name = after[:1].isdigit() or re.fullmatch(r"-[^\W\d_]|&" + re.escape(lead), after)
    return "" if end < 3 and is_name else lead


def without_signs_before(word: str) -> str:
    """Without the signs that it begins with: "l-btc" of "#l-btc". A name keeps its "@"."""
    return re.sub(r"^(?!@)[^\w₿]+", "", word)


def plain(word: str) -> str:
    """As a unit is compared: no punctuation around it, no capitals, nothing invisible."""
    return seen(word).casefold().strip(".,:;!?()[]{}\"'")


def seen(text: str) -> str:
    """As a reader takes its start: plain letters and digits without marks, and blanks as spaces."""
    start = " ".join(text[:LOOKED_AT].split())
    letters = unicodedata.normalize("NFKC", visible(start)).translate(_BLANKS)
    letters = _ZEROS.sub(lambda zeros: "0" * len(zeros[0]), letters)
    return without_marks(letters)


def is_visible(word: str) -> bool:
    """Whether each of its letters shows something."""
    return visible(word) == word == word.translate(_BLANKS)


def visible(text: str) -> str:
    # C: control, format (among them every direction mark), surrogate, private, unassigned
    return "".join(letter for letter in text if unicodedata.category(letter)[0] != "C")


_LOOK_ALIKE = str.maketrans(
    "авсекмнорԛѕтухԝіјьԁακονρτᴀʙᴄᴋᴍꜱᴛƀ", "abcekmhopqstyxwijbdakovptabckmst₿"
)
_FOLDED_MULTIPLES = {folded(word): factor for word, factor in MULTIPLES.items()}
# the dots and marks of an abbreviation
_IN_WORDS = re.compile(f"[.{QUOTES}\u02bb\u02bc\u05f3\u05f4]")


def _folded_money(words: frozenset[str]) -> frozenset[str]:
    """As they are compared, but none that would look like another word in Latin letters."""
    short = {_IN_WORDS.sub("", word) for word in words}
    return frozenset(short) | {
        look for word in short if not (look := folded(word)).isascii() or _is_latin(word)
    }


def _is_latin(word: str) -> bool:
    return all("LATIN" in unicodedata.name(each, "") for each in word if each.isalpha())


_FOLDED_AT_THE_END = _folded_money(MONEY_AT_THE_END)
# "öre" is one; "ore" is another word as well
_FOLDED_MONEY = (_folded_money(MONEY) - _FOLDED_AT_THE_END) | MONEY
_POWER = re.compile(r"10(?:\^|\*\*)(?P<power>\d\d?)")
_IN_BRACKETS = re.compile(rf"(?<!\S)[(\[{{<{QUOTES}]+(\d{{3}})[)\]}}>{QUOTES}]+(?=\s|$)")
