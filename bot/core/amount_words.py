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


def words_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


# How many one of them is, in the languages that people here write. As the start of a memo they
# would make two sats of "2 grand". Where languages differ ("mil", "billion") it is the fewest.
MULTIPLES = {
    word: factor
    for factor, words in {
        12: """dozen dozens doz dutzend docena docenas douzaine douzaines dozzina dozzine dúzia
            dúzias дюжина дюжины дюжин dzn""",
        20: "score scores",
        10: "十 십",
        100: """hundred hundreds hundert cien ciento cento centaines centinaia сто сотня сотни
            сотен 百 백 hundreds hunderter honderd hundra cem""",
        144: "gross",
        1_000: """k к kilo kilos grand thousand thousands thou tausend tsd mil mille mila milliers
            migliaia milhar milhares тыс тысяча тысячу тысячи тысяч кило 千 천 仟 тыщ тыща
            тыщи тис тисяч косарь косаря косарей кусков tausender duizend tusind tusen tuhat tys
            tisíc tisíce tysiąc tysiące tysięcy tisuća tisuću ezer ribu nghìn ngàn elfu พัน ألف الف
            آلاف هزار אלף אלפים χίλια χιλιάδες हजार""",
        10_000: "myriad myriads 万 萬 만 หมื่น",
        100_000: "lakh lakhs lac lacs लाख แสน",
        1_000_000: """m м mm kk кк mega mn mio mln million millions millionen millón millon
            millones milhão milhao milhões milhoes milione milioni млн миллион миллиона миллионов
            лям ляма лямов мега mill mills milyon miljoen miljon miljoner milion miliony
            milionów milionu milijun milijuna juta triệu ล้าน مليون ملايين میلیون מיליון
            εκατομμύριο εκατομμύρια""",
        10_000_000: "crore crores करोड़",
        100_000_000: "億 亿 억",
        1_000_000_000: """b bn giga billion billions milliarde milliarden mrd milliard milliards
            miliardo miliardi bilhão bilhões млрд миллиард миллиарда миллиардов гига bln
            milyar miljard miliard miliarda""",
        10**12: """tera tn trillion trillions billionen billón billones trilhão trilhões трлн
            триллион триллиона триллионов 兆""",
        10**15: "peta quadrillion quadrillions quintillion quintillions",
    }.items()
    for word in words.split()
}
# They begin memos as well ("2100 mi parte"): only as the last word, or before a unit.
MULTIPLES_AT_THE_END = {
    **dict.fromkeys(("bin", "tis", "rb", "t"), 1_000),
    **dict.fromkeys(("l",), 100_000),
    **dict.fromkeys(("mi", "tr", "jt"), 1_000_000),
    **dict.fromkeys(("cr",), 10_000_000),
    **dict.fromkeys(("bi", "g"), 1_000_000_000),
    **dict.fromkeys(("tri",), 10**12),
}
# "5 百万", "5 万円" and "5 千sats" are one word.
MULTIPLES_IN_A_WORD = re.compile(
    "(?P<multiples>[十百千仟万萬億亿兆십백천만억]+)(?P<unit>個|个|円|元|圆|圓|块|원|엔|聪|聰|сат|sats?|)"
)
# "five" and "a million" are written out in these, for an example in digits.
ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve"),
)
POINTS = words_of("point dot comma komma virgule coma punto punkt")  # "1 point five"
# They make part of one, or a few: "1 half btc", "2 and a half k". "2100 half marathon" is a memo.
PARTS = words_of(
    """half halves quarter quarters third thirds couple pair few halb halbe medio meia demi
    mezzo mezza половина"""
)
# What stands before a part: "2 and a half".
AND = words_of("and & und y et e и")
ARTICLES = words_of("a an one ein eine un una uno um uma")
# A part of what is not said.
PERCENT = words_of(
    "percent pct prozent procent pourcent percento процент процента процентов permille bps ppm"
)
PERCENT_FIRST = words_of("per pour por pro par")  # "5 per cent"
PERCENT_SECOND = words_of("cent cento ciento mille mil")
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
BITCOIN = words_of("btc xbt bitcoin ₿ биткоин биткойн битк биток 比特币 ビットコイン")
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
MONEY = words_of(
    """usd eur gbp chf jpy cny inr brl cad aud nzd mxn ars clp ngn kes ghs zar pln czk huf sek nok
    dkk isk krw thb idr vnd uah ils aed hkd sgd twd usdt usdc eth ltc xmr
    dollar dollars buck bucks cent cents euro euros pound pounds quid pence yen yuan franc francs
    peso pesos reais rupee rupees ruble rubles rouble roubles zloty naira krona
    dollares dollari dólar dólares доллар доллара долларов бакс бакса баксов евро рубль рубля рубли
    рублей руб гривна гривны гривен грн тенге 円 日元 元 美元 欧元 人民币 块 圆 圓 원 엔 달러 유로
    kr kroner kronor kronen krone kronur zł zl złoty złote złotych kč kc koruna koruny korun
    franken sfr rappen centavo centavos centime centimes céntimo céntimos ct cts pfennig peseta
    pesetas dirham dirhams dinar dinars riyal riyals rial rials lira liras lire tl leva kuna forint
    baht บาท rupiah ringgit đồng shekel shekels shilling shillings ksh birr cedi cedis taka soles
    guaranies lempiras quetzales bolivares colones रुपये रुपया
    xaf xof fcfa myr bgn pkr egp kzt rsd qar kwd lkr bdt uyu pyg crc dop
    doge dogecoin ether ethereum litecoin monero tether stablecoin stablecoins bnb bch xrp
    wbtc lbtc l-btc rbtc cbbtc"""
)
# other words as well, so only as the last one
MONEY_AT_THE_END = words_of("c p r р fr rand real reals sol lei dh bs rp dong")
# "5 US dollars"
MONEY_OF = words_of(
    "us u.s american australian canadian swiss british english mexican hong kong new zealand"
)
# "5 whole bitcoin", "5 in btc"
BEFORE_A_UNIT = words_of("whole full entire complete of in en ganze ganzer")
_NOTES = "💵💶💷💴💲"
# other words as well, so only in capitals
MONEY_IN_CAPITALS = words_of("COP PHP RUB TRY MAD PEN SOL TON RON GEL SAR BOB DAI ADA")

# What people put between groups of digits. Apostrophes and dots of every shape look alike.
SEPARATORS = ".,'_`\u00b4\u2018\u2019\u02bc\u00b7\u2022\u2219\u22c5\u02d9\u066b\u066c\u3001\u3002"
QUOTES = "\"'`\u00b4\u2018-\u201f\u00ab\u00bb\u2039\u203a\u2032\u2033\u300c-\u300f\uff02\uff07"
AROUND_QUOTES = re.compile(f"^[{QUOTES}]+|[{QUOTES}]+$")
# letters of some scripts that show nothing
_BLANKS = dict.fromkeys(map(ord, "\u115f\u1160\u2800\u3164"), " ")


def is_unit(word: str) -> bool:
    return word in UNITS or bool(NAMED.fullmatch(word))


def is_money_sign(letter: str) -> bool:
    return (unicodedata.category(letter) == "Sc" and letter != "₿") or letter in _NOTES


def is_sign(word: str) -> bool:
    """Whether it is made of dashes, colons and the like alone: no letter, digit or picture."""
    kinds = {unicodedata.category(letter) for letter in word}
    return bool(word) and all(kind[0] == "P" or kind in ("Sm", "Sk") for kind in kinds)


def multiple_of(word: str) -> int:
    """How many one of it is, in letters of any alphabet that look alike; 0 for other words."""
    return MULTIPLES.get(word) or _FOLDED_MULTIPLES.get(folded(word), 0)


def is_money(word: str) -> bool:
    return word in MONEY or folded(word) in _FOLDED_MONEY


def folded(word: str) -> str:
    """Without accents, and with a Latin letter for each that looks like it."""
    apart = unicodedata.normalize("NFKD", word.casefold())
    return "".join(
        each for each in apart if unicodedata.category(each) not in ("Mn", "Me")
    ).translate(_LOOK_ALIKE)


def lead_of(word: str) -> str:
    """Its letters up to the first that is none: "k" of "k👍", "btc" of "#btc"; "" of "k-pop"."""
    word = re.sub(r"^(?!@)[^\w₿]+", "", plain(word))
    ends = (at for at, each in enumerate(word) if unicodedata.category(each)[0] not in "LM")
    end = next(ends, len(word))
    lead, after = word[:end], word[end : end + 2]
    # "k9", "k-pop" and "M&Ms"
    is_name = after[:1].isdigit() or re.fullmatch(r"-[^\W\d_]|&" + re.escape(lead), after)
    return "" if end < 3 and is_name else lead


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


_LOOK_ALIKE = str.maketrans(
    "авсекмнорԛѕтухԝіјьԁακονρτᴀʙᴄᴋᴍꜱᴛƀ", "abcekmhopqstyxwijbdakovptabckmst₿"
)
_FOLDED_MULTIPLES = {folded(word): factor for word, factor in MULTIPLES.items()}
_FOLDED_MONEY = frozenset(map(folded, MONEY))
