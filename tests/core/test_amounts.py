"""Amounts are read exactly or refused with an example that works; nothing is guessed."""

from __future__ import annotations

import re
import time
import unicodedata
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.core.amount_money import (
    MONEY,
    MONEY_AT_THE_END,
    MONEY_IN_CAPITALS,
    MONEY_IN_CAPITALS_AT_THE_END,
    spelled,
)
from bot.core.amount_words import BITCOIN, MULTIPLES, NAMES, PREFIXES
from bot.core.amounts import Problem, check_range, format_sats, parse, parse_amount
from bot.errors import AmountRefused
from tests.core.test_collection import OF_COLLECTIONS
from tests.core.test_split import OF_BILLS, OF_NAMES

MAX_SATS = 21_000_000 * 100_000_000

# text, sats (None: the payer chooses), memo
TAKEN = [
    ("1", 1, ""),
    ("2100", 2100, ""),
    ("2,100", 2100, ""),
    ("2_100", 2100, ""),
    ("1,000,000", 1_000_000, ""),
    ("1_000_000", 1_000_000, ""),
    ("0021", 21, ""),
    ("2100.0", 2100, ""),
    ("2100.00", 2100, ""),
    ("21k", 21_000, ""),
    ("21K", 21_000, ""),
    ("2.1k", 2100, ""),
    ("0.001k", 1, ""),
    ("0.234k", 234, ""),
    ("2,100k", 2_100_000, ""),
    ("1.5m", 1_500_000, ""),
    ("1.5M", 1_500_000, ""),
    ("1.000001m", 1_000_001, ""),
    ("2100sats", 2100, ""),
    ("2100 sats", 2100, ""),
    ("2100 sat", 2100, ""),
    ("2100 SATS", 2100, ""),
    ("2,100 Satoshis", 2100, ""),
    ("21ksats", 21_000, ""),
    ("21k sats", 21_000, ""),
    ("1m sats", 1_000_000, ""),
    ("0.0005 btc", 50_000, ""),
    ("0.0005 BTC", 50_000, ""),
    ("0.0005btc", 50_000, ""),
    ("0.00000001 btc", 1, ""),
    ("1 btc", 100_000_000, ""),
    ("1.000 btc", 100_000_000, ""),
    ("20999999.99999999 btc", 2_099_999_999_999_999, ""),
    ("₿0.0005", 50_000, ""),
    ("₿1.5", 150_000_000, ""),
    ("0.0005₿", 50_000, ""),
    ("0.0005 ₿", 50_000, ""),
    ("any", None, ""),
    ("ANY", None, ""),
    ("any amount", None, ""),
    ("any pizza", None, "pizza"),
    ("any amount for the jar", None, "for the jar"),
    ("2100 pizza", 2100, "pizza"),
    ("  2100   pizza ", 2100, "pizza"),
    ("2100\u00a0pizza", 2100, "pizza"),
    ("2100\npizza\n\nwith  cheese\n", 2100, "pizza\n\nwith  cheese"),
    ("2100 sats pizza", 2100, "pizza"),
    ("2100 sats, pizza", 2100, "pizza"),
    ("2100 (sats) pizza", 2100, "pizza"),
    ("2100 sats 2 btc stickers", 2100, "2 btc stickers"),
    ("2100sats bitcoin meetup", 2100, "bitcoin meetup"),
    ("21k sats pizza", 21_000, "pizza"),
    ("0.0005 btc pizza", 50_000, "pizza"),
    ("0.0005 btc: pizza", 50_000, "pizza"),
    ("0.0005 \u200ebtc pizza", 50_000, "pizza"),
    ("21 2 pizzas", 21, "2 pizzas"),
    ("21 1000 thanks", 21, "1000 thanks"),
    ("2100 500 g of cheese", 2100, "500 g of cheese"),
    ("2100 2 pizzas", 2100, "2 pizzas"),
    ("2100 24 roses", 2100, "24 roses"),
    ("2100 2026 calendar", 2100, "2026 calendar"),
    ("2100 7up", 2100, "7up"),
    ("2100 5k run", 2100, "5k run"),
    ("2100 0.5 l of cola", 2100, "0.5 l of cola"),
    ("2100 05.12. party", 2100, "05.12. party"),
    ("2100 24.12.2026", 2100, "24.12.2026"),
    ("2100 08:30", 2100, "08:30"),
    ("2100 , pizza", 2100, ", pizza"),
    ("2100 1/2 pizza", 2100, "1/2 pizza"),
    ("5 1/" + "9" * 5000, 5, "1/" + "9" * 5000),
    ("2100 half marathon", 2100, "half marathon"),
    ("2100 a few beers", 2100, "a few beers"),
    ("2100 to 5 friends", 2100, "to 5 friends"),
    ("2100 & 2 friends too", 2100, "& 2 friends too"),
    ("2100 sats - 2200 Main Street", 2100, "- 2200 Main Street"),
    ("2100 sats 5 dozen eggs", 2100, "5 dozen eggs"),
    ("5 Pizzas for 4", 5, "Pizzas for 4"),
    ("5 * pizza", 5, "* pizza"),
    ("100 days of code", 100, "days of code"),
    ("21 k-pop tickets", 21, "k-pop tickets"),
    ("21 M&Ms", 21, "M&Ms"),
    ("2100 satellite dish", 2100, "satellite dish"),
    ("2100 try again", 2100, "try again"),
    ("2100 $5 voucher", 2100, "$5 voucher"),
    ("2100 - 2 pizzas", 2100, "- 2 pizzas"),
    ("2100 x pizza", 2100, "x pizza"),
    ("2100 🍕", 2100, "🍕"),
    ("2100 kr0ne", 2100, "kr0ne"),
    ("2100 m4 screws", 2100, "m4 screws"),
    ("2100 <3", 2100, "<3"),
    ("any " + "9" * 4000, None, "9" * 4000),
    ("any 2 pizzas", None, "2 pizzas"),
    ("5 y " + "9" * 4000, 5, "y " + "9" * 4000),
    ("2100 @mila", 2100, "@mila"),
    ("2100 k9 food", 2100, "k9 food"),
    ("2100 mi parte", 2100, "mi parte"),
    ("2100 in May", 2100, "in May"),
    ("2100 per head", 2100, "per head"),
    ("2100 만두", 2100, "만두"),
    ("2100 real food", 2100, "real food"),
    ("2100 ooops", 2100, "ooops"),
    ("2100 e-book", 2100, "e-book"),
    ("2100 t-shirt", 2100, "t-shirt"),
    ("2100 e.g. pizza", 2100, "e.g. pizza"),
    ("2100 tram tickets", 2100, "tram tickets"),
    ("2100 binden", 2100, "binden"),
    ("2100 Mars bars", 2100, "Mars bars"),
    ("2100 grandeur", 2100, "grandeur"),
    ("2100 元旦", 2100, "元旦"),
    ("2100 个人", 2100, "个人"),
    ("2100 불고기", 2100, "불고기"),
    ("2100 ラーメン", 2100, "ラーメン"),
    ("2100 pizza for 5", 2100, "pizza for 5"),
    ("10k for the 5k", 10_000, "for the 5k"),
]

# what is written, why it is refused, the example that works, and what is blamed, if anything is
REFUSED: list[tuple[str, Problem, str, str | None]] = [
    ("", Problem.MISSING, "2100", None),
    (" \n ", Problem.MISSING, "2100", None),
    ("pizza", Problem.NOT_A_NUMBER, "2100 pizza", "pizza"),
    ("pizza 2100", Problem.NOT_A_NUMBER, "2,100 pizza", "pizza"),
    ("two thousand", Problem.NOT_A_NUMBER, "2k pizza", "two"),
    ("nan", Problem.NOT_A_NUMBER, "2100 pizza", "nan"),
    ("Infinity", Problem.NOT_A_NUMBER, "2100 pizza", "Infinity"),
    ("any!", Problem.NOT_A_NUMBER, "2100 pizza", "any!"),
    ("-", Problem.NOT_A_NUMBER, "2100 pizza", "-"),
    ("<b>", Problem.NOT_A_NUMBER, "2100 pizza", "<b>"),
    ("sats 2100", Problem.UNIT_FIRST, "2100 sats", None),
    ("sats2100", Problem.UNIT_FIRST, "2100 sats", None),
    ("BTC 0.0005", Problem.UNIT_FIRST, "0.0005 btc", None),
    ("₿ 0.0005", Problem.UNIT_FIRST, "0.0005 btc", None),
    ("0", Problem.ZERO, "any pizza", None),
    ("000", Problem.ZERO, "any pizza", None),
    ("0.0", Problem.ZERO, "any pizza", None),
    ("0k", Problem.ZERO, "any pizza", None),
    ("0 btc", Problem.ZERO, "any pizza", None),
    ("-5", Problem.NEGATIVE, "5", "-5"),
    ("-0.5 btc", Problem.NEGATIVE, "0.5 btc", "-0.5"),
    ("\u22125", Problem.NEGATIVE, "5", "\u22125"),
    ("\u20135 pizza", Problem.NEGATIVE, "5", "\u20135"),
    ("--5", Problem.NEGATIVE, "5", "--5"),
    ("+5", Problem.PLUS, "5", "+5"),
    ("0.5", Problem.BELOW_A_SAT_OR_BTC, "0.5 btc", "0.5"),
    ("0.500", Problem.BELOW_A_SAT_OR_BTC, "0.500 btc", "0.500"),
    ("0.0005", Problem.BELOW_A_SAT_OR_BTC, "0.0005 btc", "0.0005"),
    ("1.5", Problem.PARTS_OF_A_SAT_OR_BTC, "1 sat", "1.5"),
    ("2,100.5", Problem.PARTS_OF_A_SAT_OR_BTC, "2,100 sats", "2,100.5"),
    ("1.5 sats", Problem.PARTS_OF_A_SAT, "1 sat", "1.5 sats"),
    ("2.1001k", Problem.PARTS_OF_A_SAT, "2,100 sats", "2.1001k"),
    ("0.0001k", Problem.BELOW_A_SAT, "1 sat", "0.0001k"),
    ("0.000000001 btc", Problem.BELOW_A_SAT, "1 sat", "0.000000001 btc"),
    ("₿0.000000001", Problem.BELOW_A_SAT, "1 sat", "₿0.000000001"),
    ("0.000000011btc", Problem.PARTS_OF_A_SAT, "1 sat", "0.000000011btc"),
    ("2100msat", Problem.MILLISATS, "2 sats", None),
    ("2100 msats", Problem.MILLISATS, "2 sats", None),
    ("1 millisat", Problem.MILLISATS, "1 sat", None),
    ("5 usd", Problem.OTHER_CURRENCY, "2100 sats", "5 usd"),
    ("5 USD for pizza", Problem.OTHER_CURRENCY, "2100 sats", "5 USD"),
    ("5usd", Problem.OTHER_CURRENCY, "2100 sats", "5usd"),
    ("5 l-btc", Problem.OTHER_CURRENCY, "2100 sats", "5 l-btc"),
    ("5 #l-btc", Problem.OTHER_CURRENCY, "2100 sats", "5 #l-btc"),
    ("5 ~*L-BTC*", Problem.OTHER_CURRENCY, "2100 sats", "5 ~*L-BTC*"),
    ("usd 5", Problem.OTHER_CURRENCY, "2100 sats", "usd"),
    ("EUR5", Problem.OTHER_CURRENCY, "2100 sats", "EUR5"),
    ("$5", Problem.OTHER_CURRENCY, "2100 sats", "$5"),
    ("US$5", Problem.OTHER_CURRENCY, "2100 sats", "US$5"),
    ("-$5", Problem.OTHER_CURRENCY, "2100 sats", "-$5"),
    ("5€", Problem.OTHER_CURRENCY, "2100 sats", "5€"),
    ("5,50€", Problem.OTHER_CURRENCY, "2100 sats", "5,50€"),
    ("5 €", Problem.OTHER_CURRENCY, "2100 sats", "5 €"),
    ("5 $ tip", Problem.OTHER_CURRENCY, "2100 sats", "5 $"),
    ("5k euros", Problem.OTHER_CURRENCY, "2100 sats", "5k euros"),
    ("5 dollars, please", Problem.OTHER_CURRENCY, "2100 sats", "5 dollars,"),
    ("5 RUB", Problem.OTHER_CURRENCY, "2100 sats", "5 RUB"),
    ("1.000", Problem.FRACTION_OR_THOUSANDS, "1000", "1.000"),
    ("1.000 sats", Problem.FRACTION_OR_THOUSANDS, "1000", "1.000 sats"),
    ("1.234k", Problem.FRACTION_OR_THOUSANDS, "1234", "1.234k"),
    ("1.500k pizza", Problem.FRACTION_OR_THOUSANDS, "1500", "1.500k"),
    ("21.000 m", Problem.SEPARATE_MULTIPLIER, "21m", "21.000 m"),
    ("1.500m", Problem.FRACTION_OR_THOUSANDS, "1500000", "1.500m"),
    ("21.500 x", Problem.FRACTION_OR_THOUSANDS, "21500", "21.500"),
    ("1,234.000", Problem.FRACTION_OR_THOUSANDS, "1234000", "1,234.000"),
    ("1.000.000", Problem.DOTS, "1,000,000", "1.000.000"),
    ("1.234.5", Problem.UNREADABLE, "1,234 sats", "1.234.5"),
    ("1,5k", Problem.COMMAS, "1.5k", "1,5k"),
    ("1,5", Problem.PARTS_OF_A_SAT_OR_BTC, "1 sat", "1,5"),
    ("1,5 btc", Problem.COMMAS, "1.5 btc", "1,5"),
    ("1,00", Problem.COMMAS, "1.00", "1,00"),
    ("1,0000", Problem.COMMAS, "1.0000", "1,0000"),
    ("2100,000", Problem.COMMAS, "2,100,000", "2100,000"),
    ("0,001 btc", Problem.COMMAS, "0.001 btc", "0,001"),
    ("1,5btc", Problem.COMMAS, "1.5btc", "1,5btc"),
    ("₿0,0005", Problem.COMMAS, "₿0.0005", "₿0,0005"),
    ("1,000_000", Problem.COMMAS, "1,000,000", "1,000_000"),
    ("2__100", Problem.COMMAS, "2,100", "2__100"),
    ("2100, pizza", Problem.COMMAS, "2,100", "2100,"),
    ("1.000,00", Problem.COMMAS, "1,000.00", "1.000,00"),
    (",5", Problem.COMMAS, "0.5 btc", ",5"),
    ("1 000", Problem.ONE_OR_TWO_NUMBERS, "1,000", "1 000"),
    ("1 000 000 pizza", Problem.ONE_OR_TWO_NUMBERS, "1,000,000", "1 000 000"),
    ("1\u00a0000", Problem.ONE_OR_TWO_NUMBERS, "1,000", "1 000"),
    ("1\u202f000 sats", Problem.ONE_OR_TWO_NUMBERS, "1,000 sats", "1 000"),
    ("1 000sats", Problem.ONE_OR_TWO_NUMBERS, "1,000 sats", "1 000"),
    ("1 \u0660\u0660\u0660", Problem.ONE_OR_TWO_NUMBERS, "1,000", "1 \u0660\u0660\u0660"),
    ("21k 500", Problem.ONE_OR_TWO_NUMBERS, "21,000 sats", "21k 500"),
    ("1 ,000", Problem.ONE_OR_TWO_NUMBERS, "1,000", "1 ,000"),
    ("1 .5 btc", Problem.ONE_OR_TWO_NUMBERS, "1.5 btc", "1 .5"),
    ("1.0 000", Problem.ONE_OR_TWO_NUMBERS, "1 sat", "1.0 000"),
    ("21 k", Problem.SEPARATE_MULTIPLIER, "21k", "21 k"),
    ("5 m rope", Problem.SEPARATE_MULTIPLIER, "5m", "5 m"),
    ("84k <b>x</b>", Problem.SEPARATE_MULTIPLIER, "21k", "84k <b>x</b>"),
    ("2 million", Problem.SEPARATE_MULTIPLIER, "2m", "2 million"),
    ("2 万", Problem.SEPARATE_MULTIPLIER, "20k", "2 万"),
    ("1 bitcoin", Problem.UNCLEAR_UNIT, "1 btc pizza", "1 bitcoin"),
    ("1 mBTC", Problem.UNCLEAR_UNIT, "100,000 sats pizza", "1 mBTC"),
    ("1 µBTC", Problem.UNCLEAR_UNIT, "100 sats pizza", "1 µBTC"),
    ("500 bits", Problem.UNCLEAR_UNIT, "50,000 sats pizza", "500 bits"),
    ("1 btc/pizza", Problem.UNCLEAR_UNIT, "1 btc pizza", "1 btc/pizza"),
    ("1 ₿itcoin", Problem.UNCLEAR_UNIT, "1 btc pizza", "1 ₿itcoin"),
    ("1000 000", Problem.ONE_OR_TWO_NUMBERS, "1,000,000", "1000 000"),
    ("10 00", Problem.ONE_OR_TWO_NUMBERS, "1,000", "10 00"),
    ("1 50 000 pizza", Problem.ONE_OR_TWO_NUMBERS, "150,000", "1 50 000"),
    ("1 0000 pizza", Problem.ONE_OR_TWO_NUMBERS, "10,000", "1 0000"),
    ("21 , 000", Problem.ONE_OR_TWO_NUMBERS, "21,000", "21 , 000"),
    ("21 ' 000", Problem.ONE_OR_TWO_NUMBERS, "21,000", "21 000"),
    ("21 milli btc", Problem.UNCLEAR_UNIT, "2,100,000 sats pizza", "21 milli btc"),
    ("5 micro bitcoin", Problem.UNCLEAR_UNIT, "500 sats pizza", "5 micro bitcoin"),
    ("21 т. сат", Problem.SEPARATE_MULTIPLIER, "21k", "21 т."),
    ("5 Ks", Problem.SEPARATE_MULTIPLIER, "5k", "5 Ks"),
    ("5 Ms", Problem.SEPARATE_MULTIPLIER, "5m", "5 Ms"),
    ("21 us-dollars", Problem.OTHER_CURRENCY, "2100 sats", "21 us dollars"),
    ("21 HK dollars", Problem.OTHER_CURRENCY, "2100 sats", "21 HK dollars"),
    ("21 песо", Problem.OTHER_CURRENCY, "2100 sats", "21 песо"),
    ("2 grands", Problem.SEPARATE_MULTIPLIER, "2k", "2 grands"),
    ("21 U.S. $", Problem.OTHER_CURRENCY, "2100 sats", "21 U.S. $"),
    ("21 x three", Problem.SUM, "63", None),
    ("2100 sats times three", Problem.SUM, "6,300", None),
    ("21 divided by 3", Problem.SUM, "21", None),
    ("21 \u3007\u3007\u3007", Problem.ONE_OR_TWO_NUMBERS, "21,000", "21 000"),
    ("21 \u96f6\u96f6\u96f6 pizza", Problem.ONE_OR_TWO_NUMBERS, "21,000", "21 000"),
    ("21 point 5", Problem.ONE_OR_TWO_NUMBERS, "21 sats", "21 point 5"),
    ("1,000 000", Problem.ONE_OR_TWO_NUMBERS, "1,000,000", "1,000 000"),
    ("2100 42", Problem.ONE_OR_TWO_NUMBERS, "2,100 sats", "2100 42"),
    ("2100 500 sats", Problem.ONE_OR_TWO_NUMBERS, "2,100 sats", "2100 500"),
    ("21 5k run", Problem.ONE_OR_TWO_NUMBERS, "21 sats", "21 5"),
    ("1 000-pizza", Problem.ONE_OR_TWO_NUMBERS, "1,000", "1 000"),
    ("1 000 k", Problem.ONE_OR_TWO_NUMBERS, "1,000k", "1 000"),
    ("1 kk", Problem.SEPARATE_MULTIPLIER, "1m", "1 kk"),
    ("1kk", Problem.SEPARATE_MULTIPLIER, "1m", "1kk"),
    ("5\u043a", Problem.SEPARATE_MULTIPLIER, "5k", "5\u043a"),
    ("5 тысяч", Problem.SEPARATE_MULTIPLIER, "5k", "5 тысяч"),
    ("5 mil", Problem.SEPARATE_MULTIPLIER, "5k", "5 mil"),
    ("2 grand", Problem.SEPARATE_MULTIPLIER, "2k", "2 grand"),
    ("5 dozen", Problem.SEPARATE_MULTIPLIER, "60", "5 dozen"),
    ("5 score tickets", Problem.SEPARATE_MULTIPLIER, "100", "5 score"),
    ("5 giga", Problem.SEPARATE_MULTIPLIER, "5,000m", "5 giga"),
    ("5 quadrillion", Problem.SEPARATE_MULTIPLIER, "21k", "5 quadrillion"),
    ("5k thousand", Problem.SEPARATE_MULTIPLIER, "5m", "5k thousand"),
    ("5 “k”", Problem.SEPARATE_MULTIPLIER, "5k", "5 k"),
    ("5 *k*", Problem.SEPARATE_MULTIPLIER, "5k", "5 *k*"),
    ("1 Msat", Problem.MEGA_OR_MILLI, "1m", "1 Msat"),
    ("2Msats", Problem.MEGA_OR_MILLI, "2m", "2Msats"),
    ("1 MSAT", Problem.MEGA_OR_MILLI, "1m", "1 MSAT"),
    ("5 kilosats", Problem.UNCLEAR_UNIT, "5,000 sats pizza", "5 kilosats"),
    ("5kilosats", Problem.UNCLEAR_UNIT, "5,000 sats pizza", "5kilosats"),
    ("5k ksats", Problem.UNCLEAR_UNIT, "5,000,000 sats pizza", "5k ksats"),
    ("5 Gsat", Problem.UNCLEAR_UNIT, "5,000,000,000 sats pizza", "5 Gsat"),
    ("1 finney", Problem.UNCLEAR_UNIT, "10 sats pizza", "1 finney"),
    ("2 bitcents", Problem.UNCLEAR_UNIT, "2,000,000 sats pizza", "2 bitcents"),
    ("1 биткоин", Problem.UNCLEAR_UNIT, "1 btc pizza", "1 биткоин"),
    ("5 MBTC", Problem.UNCLEAR_UNIT, "500,000 sats pizza", "5 MBTC"),
    ("1 k-sat", Problem.UNCLEAR_UNIT, "1,000 sats pizza", "1 k-sat"),
    ("1 1/2", Problem.FRACTION, "1 sat", "1 1/2"),
    ("1 1/2 btc", Problem.FRACTION, "150,000,000 sats", "1 1/2"),
    ("1 1/2k", Problem.FRACTION, "1,500 sats", "1 1/2k"),
    ("21 1/2 pizza", Problem.FRACTION, "21 sats", "21 1/2"),
    ("21 ½ pizza", Problem.FRACTION, "21 sats", "21 ½"),
    ("1 half btc", Problem.FRACTION, "100,000,000 sats", "1 half"),
    ("2 and a half k", Problem.FRACTION, "2,000 sats", "2 and a half"),
    ("5 couple", Problem.FRACTION, "5 sats", "5 couple"),
    ("5%", Problem.PERCENT, "5", "5%"),
    ("5 %", Problem.PERCENT, "5", "5 %"),
    ("5 percent", Problem.PERCENT, "5", "5 percent"),
    ("5 ‰", Problem.PERCENT, "5", "5 ‰"),
    ("5-10", Problem.RANGE, "5", "5-10"),
    ("5 - 10 pizza", Problem.RANGE, "5", "5 - 10"),
    ("5..10", Problem.RANGE, "5", "5..10"),
    ("5 to 10", Problem.RANGE, "5", "5 to 10"),
    ("5 bis 10", Problem.RANGE, "5", "5 bis 10"),
    ("5k-10k", Problem.RANGE, "5k", "5k-10k"),
    ("5-10k", Problem.RANGE, "5", "5-10k"),
    ("5 sats to 10 sats", Problem.RANGE, "5 sats", "5 sats to 10 sats"),
    ("0 - 10", Problem.RANGE, "10", "0 - 10"),
    ("“5”", Problem.QUOTES, "5", "5"),
    ("«5» k", Problem.QUOTES, "5k", "5"),
    ("'5'", Problem.QUOTES, "5", "5"),
    ("5'", Problem.QUOTES, "5", "5"),
    ('"5"', Problem.QUOTES, "5", "5"),
    ('""5 sats""', Problem.QUOTES, "5 sats", "5"),
    ('"pizza"', Problem.NOT_A_NUMBER, "2100 pizza", "pizza"),
    ("5k + 5k", Problem.SUM, "5,000", None),
    ("2k x 3", Problem.SUM, "6,000", None),
    ("5 @ 100", Problem.SUM, "500", None),
    ("5 times 100", Problem.SUM, "500", None),
    ("5 ** 2", Problem.SUM, "10", None),
    ("5 ^ 2", Problem.SUM, "5", None),
    ("100 and 50", Problem.SUM, "150", None),
    ("5 \u0445 100", Problem.SUM, "500", None),
    ("21\u2800000", Problem.INVISIBLE, "21000", None),
    ("21 \u2800 000", Problem.INVISIBLE, "21", None),
    ("five", Problem.NOT_A_NUMBER, "5 pizza", "five"),
    ("a million", Problem.NOT_A_NUMBER, "1m pizza", "a"),
    ("a lot", Problem.NOT_A_NUMBER, "2100 pizza", "a"),
    ("-5 btc", Problem.NEGATIVE, "5 btc", "-5"),
    ("\uff15k", Problem.OTHER_DIGITS, "5k", None),
    ("1,5 million", Problem.COMMAS, "1.5m", "1,5"),
    ("1 e3", Problem.SUM, "1", None),
    ("1 btc 5000 sats", Problem.SUM, "100,005,000 sats", None),
    ("0.5 btc 50ksats pizza", Problem.SUM, "50,050,000 sats", None),
    ("5 keur", Problem.OTHER_CURRENCY, "2100 sats", "5 keur"),
    ("5 k/pizza", Problem.SEPARATE_MULTIPLIER, "5k", "5 k/pizza"),
    (": ₿1", Problem.NOT_A_NUMBER, "2100 pizza", ":"),
    ("₿5", Problem.BTC_OR_SATS, "5 sats", "₿5"),
    ("₿2,100", Problem.BTC_OR_SATS, "2,100 sats", "₿2,100"),
    ("₿0.5k", Problem.BTC_OR_SATS, "21 sats", "₿0.5k"),
    ("21k btc", Problem.BTC_WITH_MULTIPLIER, "21,000 btc", "21k btc"),
    ("2100pizza", Problem.NO_SPACE, "2,100 pizza", "2100pizza"),
    ("21kg", Problem.NO_SPACE, "21 pizza", "21kg"),
    ("2x500", Problem.SUM, "1,000", None),
    ("2 x 500", Problem.SUM, "1,000", None),
    ("2100 x2", Problem.SUM, "4,200", None),
    ("100+50", Problem.SUM, "150", None),
    ("100 + 50", Problem.SUM, "150", None),
    ("100 - 50", Problem.SUM, "100", None),
    ("100-200 pizza", Problem.RANGE, "100", "100-200"),
    ("1/2", Problem.SUM, "1", None),
    ("2\u00d7500", Problem.SUM, "1,000", None),
    ("1e3", Problem.EXPONENT, "1,000", "1e3"),
    ("1.5E-3 btc", Problem.EXPONENT, "21,000", "1.5E-3"),
    ("0x10", Problem.NOT_DECIMAL, "16", "0x10"),
    ("0b1", Problem.NOT_DECIMAL, "1", "0b1"),
    ("\u0662\u0661\u0660\u0660", Problem.OTHER_DIGITS, "2100", None),
    ("\uff12\uff11\uff10\uff10", Problem.OTHER_DIGITS, "2100", None),
    ("2100²", Problem.OTHER_DIGITS, "2100", None),
    ("½", Problem.OTHER_DIGITS, "1 sat", None),
    ("2万", Problem.SEPARATE_MULTIPLIER, "20k", "2万"),
    ("\u200e2100", Problem.INVISIBLE, "2100", None),
    ("\u202e0012", Problem.INVISIBLE, "0012", None),
    ("21\u200b00", Problem.INVISIBLE, "2100", None),
    ("21\x0000", Problem.INVISIBLE, "2100", None),
    ("9" * 33, Problem.TOO_LONG, "2100 pizza", None),
    ("0." + "0" * 4000 + "1", Problem.TOO_LONG, "2100 pizza", None),
    ("p" * 33, Problem.TOO_LONG, "2100 pizza", None),
    (".5", Problem.UNREADABLE, "0.5 btc", ".5"),
    ("5.", Problem.UNREADABLE, "5", "5."),
    ("1'000", Problem.COMMAS, "1,000", "1'000"),
    ("~2100", Problem.UNREADABLE, "2,100", "~2100"),
    ("#2100", Problem.UNREADABLE, "2,100", "#2100"),
    ("<2100>", Problem.UNREADABLE, "2,100", "<2100>"),
    ("12:30", Problem.UNREADABLE, "2100", "12:30"),
    ("2k1", Problem.UNREADABLE, "2100", "2k1"),
    ("9" * 31 + "?", Problem.UNREADABLE, "2100", "9" * 31 + "?"),
    ("9" * 25 + " dollars", Problem.OTHER_CURRENCY, "2100 sats", ""),
]


@pytest.mark.parametrize(("text", "sats", "memo"), TAKEN)
def test_what_is_taken(text: str, sats: int | None, memo: str) -> None:
    assert parse(text, min_sats=1, max_sats=MAX_SATS) == ((sats or 0) * 1000, memo)


@pytest.mark.parametrize(("text", "problem", "example", "shown"), REFUSED)
def test_what_is_refused_and_why(
    text: str, problem: Problem, example: str, shown: str | None
) -> None:
    refusal = refused(text)
    assert (refusal.problem, refusal.values["example"]) == (problem, example)
    assert refusal.values.get("shown") == shown


def refused(text: str) -> AmountRefused:
    with pytest.raises(AmountRefused) as refusal:
        parse(text, min_sats=1, max_sats=MAX_SATS)
    return refusal.value


def test_the_tables_have_no_line_twice() -> None:
    texts = [text for text, *_ in [*TAKEN, *REFUSED]]
    assert len(texts) == len(set(texts))


def test_every_problem_is_met() -> None:
    others = OF_BILLS | OF_NAMES | OF_COLLECTIONS
    parts = {Problem.ONE_PART, Problem.PART_TOO_SMALL, Problem.PART_TOO_LARGE}
    elsewhere = {Problem.NOT_ALONE, Problem.TOO_LITTLE, Problem.TOO_MUCH, *others, *parts}
    assert {problem for _, problem, _, _ in REFUSED} == set(Problem) - elsewhere


@pytest.mark.parametrize("example", sorted({example for _, _, example, _ in REFUSED}))
def test_the_examples_of_a_refusal_are_taken(example: str) -> None:
    parse(example, min_sats=1, max_sats=MAX_SATS)


@pytest.mark.parametrize(
    ("text", "fewer", "more"),
    [
        ("1.000", "1", "1,000"),
        ("1.000 sats", "1", "1,000"),
        ("21.500 x", "21.5", "21,500"),
        ("1,234.000", "1,234", "1,234,000"),
    ],
)
def test_a_dot_before_three_digits_has_two_readings(text: str, fewer: str, more: str) -> None:
    refusal = refused(text)
    assert (refusal.values["fewer"], refusal.values["more"]) == (fewer, more)


def test_a_limit_is_given_with_a_figure_that_is_taken() -> None:
    limits = {"min_sats": 10, "max_sats": 1_000_000}
    assert parse("10", **limits) == (10_000, "")
    assert parse("1m", **limits) == (1_000_000_000, "")
    with pytest.raises(AmountRefused) as too_little:
        parse("9", **limits)
    with pytest.raises(AmountRefused) as too_much:
        parse("1,000,001 pizza", **limits)
    assert too_little.value.problem == Problem.TOO_LITTLE
    assert too_little.value.values["limit_sats"] == 10
    assert too_much.value.problem == Problem.TOO_MUCH
    assert too_much.value.values["limit_sats"] == 1_000_000


def test_any_is_within_all_limits() -> None:
    check_range(0, min_sats=10, max_sats=20)
    assert parse("any", min_sats=10, max_sats=20) == (0, "")


def test_limits_count_millisatoshi() -> None:
    check_range(20_000, min_sats=10, max_sats=20)
    for amount_msat in (9_999, 20_001):
        with pytest.raises(AmountRefused):
            check_range(amount_msat, min_sats=10, max_sats=20)


def test_an_amount_alone_has_nothing_behind_it() -> None:
    assert parse_amount(" 2,100 sats ") == 2_100_000
    with pytest.raises(AmountRefused) as refusal:
        parse_amount("2100 pizza\nwith cheese")
    assert refusal.value.problem == Problem.NOT_ALONE
    assert refusal.value.values["shown"] == "pizza with cheese"
    assert parse_amount(str(refusal.value.values["example"]))


@pytest.mark.parametrize(
    ("amount_msat", "text"),
    [
        (0, "any amount"),
        (1, "1 msat"),
        (500, "500 msat"),
        (1000, "1 sat"),
        (1001, "1 sat and 1 msat"),
        (2_100_000, "2,100 sats"),
        (5001, "5 sats and 1 msat"),
        (2_100_500, "2,100 sats and 500 msat"),
        (2_100_000_000_000_000_000, "2,100,000,000,000,000 sats"),
    ],
)
def test_how_amounts_are_printed(amount_msat: int, text: str) -> None:
    assert format_sats(amount_msat) == text


WHOLE_SATS = st.integers(min_value=0, max_value=MAX_SATS)


@given(WHOLE_SATS)
def test_what_is_printed_is_read_back(sats: int) -> None:
    assert parse_amount(format_sats(sats * 1000)) == sats * 1000


@given(WHOLE_SATS.filter(bool), st.sampled_from(["{} btc", "{}BTC", "{}₿", "₿{}", "{} ₿"]))
def test_btc_is_read_to_the_sat(sats: int, form: str) -> None:
    btc = f"{sats // 10**8}.{sats % 10**8:08}"
    assert parse_amount(form.format(btc)) == sats * 1000


@given(WHOLE_SATS.filter(bool), st.sampled_from([("k", 3), ("K sats", 3), ("m", 6), ("ksats", 3)]))
def test_thousands_and_millions_are_read_to_the_sat(sats: int, unit: tuple[str, int]) -> None:
    name, places = unit
    whole, fraction = divmod(sats, 10**places)
    digits = f"{fraction:0{places}}".rstrip("0")
    written = f"{whole:,}.{digits or 0}{name}"
    if whole and len(digits) == 3:  # a dot that may be between thousands
        assert refused(written).problem == Problem.FRACTION_OR_THOUSANDS
    else:
        assert parse_amount(written) == sats * 1000


@given(st.integers(min_value=1, max_value=10**9), st.integers(min_value=1, max_value=999))
def test_a_fraction_of_a_sat_is_never_dropped(sats: int, msat: int) -> None:
    with pytest.raises(AmountRefused):
        parse_amount(format_sats(sats * 1000 + msat))


# what stands between groups of digits: blanks of every width, and separators by themselves
SPACES = st.sampled_from(
    [*" \t\n\u00a0\u1680\u2002\u2007\u2009\u200a\u202f\u205f\u3000", "  ", " \u2009"]
)
BETWEEN = st.one_of(
    SPACES,
    st.builds("{}{}{}".format, SPACES, st.sampled_from([*".,'_`\u2019\u00b7\u066c"]), SPACES),
    st.builds("{}{}".format, SPACES, st.sampled_from([*".,'_\u2019\u00b7"])),
    st.sampled_from([*".,'_\u2019\u00b7", " \u200b", " \u2800 "]),
)
AFTER = st.sampled_from(["", " ", " sats", "sats", " BTC", "btc", " k", "k", " million", " bits"])


@st.composite
def in_groups(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A number in two or more groups of any size, and these groups."""
    digits = str(draw(st.integers(min_value=10, max_value=10**12)))
    cuts = draw(st.sets(st.integers(min_value=1, max_value=len(digits) - 1), min_size=1))
    ends = [*sorted(cuts), len(digits)]
    groups = [digits[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    written = "".join(group + draw(BETWEEN) for group in groups[:-1]) + groups[-1]
    return written, groups


@given(in_groups(), AFTER)
@example(("10 00", ["10", "00"]), "")
@example(("1000 000", ["1000", "000"]), "")
@example(("2100 500", ["2100", "500"]), " sats")
def test_digits_in_groups_are_never_the_first_group_alone(
    number: tuple[str, list[str]], after: str
) -> None:
    written, groups = number
    answer = _answer(written + after)
    if isinstance(answer, AmountRefused):
        return
    amount_msat, memo = answer
    if re.match(r"\d\d?\.\d\d?\.(\d\d|\d{4})?(\s|$)", memo):
        return  # a date
    assert memo == ""
    assert amount_msat >= 1000 * int(groups[0])
    assert amount_msat == _slowly_read(written + after, "")


@given(
    st.integers(min_value=1000, max_value=10**12), SPACES, st.sampled_from(["pizza", "5 g", "x"])
)
def test_thousands_set_off_by_spaces_are_refused_with_any_memo(
    sats: int, space: str, memo: str
) -> None:
    refusal = refused(f"{sats:,} {memo}".replace(",", space))
    assert parse_amount(str(refusal.values["example"])) == sats * 1000


COUNTS = st.integers(min_value=1, max_value=10**6)


@given(COUNTS, st.sampled_from(["", "k"]), st.sampled_from(sorted(MULTIPLES)), st.data())
def test_a_number_before_a_multiple_is_never_the_amount(
    count: int, unit: str, word: str, data: st.DataObject
) -> None:
    shape = data.draw(
        st.sampled_from(["{} {}", "{}\u00a0{}", "{} {} pizza", "{} ({})", "{} {}-sats"])
    )
    written = data.draw(st.sampled_from([word, word.upper(), word.capitalize()]))
    refusal = refused(shape.format(f"{count}{unit}", written))
    meant = count * (1000 if unit else 1) * MULTIPLES[word]
    example = str(refusal.values["example"])
    assert parse(example, min_sats=1, max_sats=max(meant, 21_000))


@given(COUNTS, st.sampled_from(sorted(MULTIPLES)))
def test_no_space_before_a_multiple_changes_nothing(count: int, word: str) -> None:
    answer = _answer(f"{count}{word}")
    if word in ("k", "m"):
        assert answer == (count * MULTIPLES[word] * 1000, "")
    else:
        assert isinstance(answer, AmountRefused)


def test_endings_are_spelled_out() -> None:
    assert spelled("a b(|s) (|x)c(d|e)") == {"a", "b", "bs", "cd", "ce", "xcd", "xce"}


@given(COUNTS, st.sampled_from(sorted(MONEY)), st.data())
def test_a_number_before_another_currency_is_never_sats(
    count: int, word: str, data: st.DataObject
) -> None:
    shape = data.draw(
        st.sampled_from(["{} {}", "{} {}.", "{}\u00a0{}!", "{} {} pizza", "{} ({})", "{} #{}"])
    )
    written = data.draw(st.sampled_from([word, word.upper(), word.capitalize()]))
    assert refused(shape.format(count, written)).problem == Problem.OTHER_CURRENCY


@pytest.mark.parametrize("word", sorted(MONEY_AT_THE_END))
def test_a_currency_that_is_another_word_as_well_is_one_where_nothing_follows(word: str) -> None:
    for written in (f"10 {word}", f"10 {word}.", f"10 {word.capitalize()}"):
        assert refused(written).problem == Problem.OTHER_CURRENCY
    answer = _answer(f"10 {word} tons soup")
    assert answer == (10_000, f"{word} tons soup")


@pytest.mark.parametrize("word", sorted(MONEY_IN_CAPITALS | MONEY_IN_CAPITALS_AT_THE_END))
def test_some_codes_are_a_currency_in_capitals_only(word: str) -> None:
    assert refused(f"10 {word}").problem == Problem.OTHER_CURRENCY
    if word.casefold() not in MONEY_AT_THE_END:
        assert parse(f"10 {word.casefold()}", min_sats=1, max_sats=MAX_SATS)[0] == 10_000


MEMOS_ALONE = """pizza|beer
|2 pizzas|two beers|rent|lunch for 2|tip|Bob|Mark|Frank|Penny Lane|Ron|Anna
|Rosa|Max|Lev|Тома|Лев Толстой|Marie|sushi|coffee & cake|ticket|t-shirt|TP|top|all|cup|all good
|try me|mad max|pen|gel|com|center pieces|garden center|corona|2 coronas|2 livres de poche
|piso|halal food|won tons soup|km 5|real ale|gin & tonic|thanks|danke|Miete|кофе|пицца|обед|спасибо
|чай|борщ|חלב|قهوة|चाय|寿司|ラーメン|커피|pivo|káva|kawa|čaj|καφές|öl|smørrebrød|penne|pasta
|don Camillo|mga pizza|for Sol and Ada|Sen's book|tacos|arepas|K2|(2 pizzas)|(pizza)|"pizza"
|us|DM me|US Open tickets|each|per person """


@pytest.mark.parametrize("memo", [memo.strip() for memo in MEMOS_ALONE.split("|")])
def test_a_plain_memo_is_no_currency_and_no_multiple(memo: str) -> None:
    assert parse(f"2100 {memo}", min_sats=1, max_sats=MAX_SATS) == (2_100_000, memo)


TAKEN_UNITS = {"sat", "ksat", "btc", "₿"}


@given(COUNTS, st.sampled_from(["", *PREFIXES]), st.sampled_from(sorted({*NAMES, *BITCOIN})))
def test_a_number_before_another_unit_is_never_sats(count: int, prefix: str, name: str) -> None:
    for shape in ("{} {}", "{}{}", "{} {}s", "{} {} pizza", "{} {}/pizza"):
        unit = prefix + name
        answer = _answer(shape.format(count, unit))
        if isinstance(answer, AmountRefused):
            if answer.problem != Problem.TOO_MUCH:
                parse(str(answer.values["example"]), min_sats=1, max_sats=MAX_SATS)
            continue
        power = PREFIXES.get(prefix, 0)
        assert answer[0] == count * NAMES[name] * 10**power * 1000


@given(COUNTS, COUNTS, st.sampled_from(["-", " - ", "\u2013", "..", " to ", " or ", " bis "]))
def test_a_range_is_refused_with_its_lower_end(low: int, more: int, dash: str) -> None:
    refusal = refused(f"{low}{dash}{low + more} pizza")
    assert refusal.problem == Problem.RANGE
    assert parse_amount(str(refusal.values["example"])) == low * 1000


@given(COUNTS, st.sampled_from([*"\"'`´‘’‚“”„‟«»‹›′″「」『』＂＇"]), st.integers(1, 3))
def test_quotation_marks_are_in_no_values(count: int, mark: str, times: int) -> None:
    refusal = refused(f"{mark * times}{count}{mark * times} pizza")
    assert refusal.problem == Problem.QUOTES
    assert (refusal.values["shown"], refusal.values["example"]) == (f"{count}", f"{count:,}")


PIECES = st.one_of(
    st.sampled_from(["0", "1", "2", "21", "000", "100", "2100", "1.5", "0.0005", "1,000", "any"]),
    st.sampled_from(["sat", "sats", "msat", "bits", "btc", "BTC", "₿", "usd", "$", "amount", "e3"]),
    st.sampled_from([*".,_kmKM€-+x'/:()", "\u200e", "\u0661", "\u00b2", "pizza"]),
    st.sampled_from([" ", "  ", "\n", "\u00a0", "\u2800"]),
    st.sampled_from([*"%½“”«»·*~#≠", "..", " to ", " x ", " and ", "1/2", "half", "five", "0x"]),
    st.sampled_from(["kk", "Msat", "kilo", "bitcoin", "dozen", "grand", "тыс", "万", "\ufe0f"]),
    st.text(max_size=3),
)
WRITTEN = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=8).map("".join))


@given(WRITTEN)
@example("1 btc")
@example("21k sats")
@example("₿0.0005 sats")
@example("1.500 btc")
def test_whatever_is_written_is_read_right_or_refused(text: str) -> None:
    answer = _answer(text)
    if isinstance(answer, AmountRefused):
        assert re.fullmatch(r"[^\n\u200e]{0,32}", str(answer.values.get("shown", "")))
        if answer.problem != Problem.TOO_MUCH:
            parse(str(answer.values["example"]), min_sats=1, max_sats=MAX_SATS)
        return
    amount_msat, memo = answer
    assert amount_msat == _slowly_read(text, memo)
    assert text.strip().endswith(memo)
    assert memo == memo.strip()


def _answer(text: str) -> tuple[int, str] | AmountRefused:
    try:
        return parse(text, min_sats=1, max_sats=MAX_SATS)
    except AmountRefused as refusal:
        return refusal


def _slowly_read(text: str, memo: str) -> int:
    """The amount in msat by another way: everything before the memo, letter by letter."""
    written = unicodedata.normalize("NFKC", text.strip().removesuffix(memo)).lower()
    written = "".join(c for c in written if c.isprintable() and c not in " :()[]{};!?\"'")
    if written in {"any", "anyamount"}:
        return 0
    digits, exponent, unit, seen_dot = 0, 0, "", False
    for letter in written.strip("₿").rstrip(",."):
        if letter in "0123456789" and not unit:
            digits = digits * 10 + "0123456789".index(letter)
            exponent -= seen_dot
        elif letter == "." and not unit and not seen_dot:
            seen_dot = True
        elif letter not in ",_":
            unit += letter
    unit = "btc" if "₿" in written else unit
    if unit.startswith("k"):
        exponent, unit = exponent + 3, unit[1:]
    elif unit.startswith("m"):
        exponent, unit = exponent + 6, unit[1:]
    exponent += {"": 0, "sat": 0, "sats": 0, "satoshi": 0, "satoshis": 0, "btc": 8}[unit]
    msat = Fraction(digits) * Fraction(10) ** exponent * 1000
    assert msat.denominator == 1
    assert msat % 1000 == 0
    return int(msat)


@pytest.mark.parametrize("start", ["", "1"])
@pytest.mark.parametrize("nonsense", ["9", " ", "1,", "\n-", " x"])
def test_ten_times_the_nonsense_costs_ten_times_the_time(start: str, nonsense: str) -> None:
    def cost_s(times: int) -> float:
        text = start + nonsense * times

        def once() -> float:
            began = time.process_time()
            _answer(text)
            return time.process_time() - began

        return min(once() for _ in range(5))

    # a square would make it a hundred
    assert cost_s(100_000) < 40 * (cost_s(10_000) + 1e-4)


# what is written, one after "|", and why it is refused
ALSO_REFUSED = {
    Problem.SEPARATE_MULTIPLIER: """
        5 k👍|5 m👍|5 k—pizza|5 k–pizza|5 k+tip|5 k&pizza|5 k@home|5 k#1|5 k_x|5 k-|5 #k|5 – k
        |5 ḱ|5 \u1d0b|5 mio👍|5 百万|5 十万|5 千sats|5 万聪|5 万|5 mi|5 mi sats|5 Mill.|1 Tausender
        |5 тыщ|5 косарей|5 bi|5 tys|5 tisíc|5 tisic|5 juta|5 triệu|5 milyon|5 ألف|5 हजार
        |5 हज़ार|5 ten thousand|5 bin|10 т|10 т.|5 tisoč|5 thousend|5 tūkstoši|5 10^3|5 10**3
        |5 хиляди|5 mii lei|5 万ランチ|5 千午餐|5 万的饭|5 k披萨|5 万サトシ|5 kサトシ|5 천사토시
        |5 thousandsats|5 tausendsats|5 binsat|5 lakhsats|5 hunderttausend sats|5 hundredthousand
        |5 yüz bin sat|5 sto tisíc|5 trăm nghìn|5 ratus ribu sats|5 hazar|5 сот|5 thous. sats
        |5 th. sats|5 ہزار sats|5 লাখ|5 พันซาโตชิ|5 rb aja|5 jt|5 jt rupiah|50 w sats|5 Tsd.Sats
    """,
    Problem.OTHER_CURRENCY: """
        5 万円|5 千円|5 рублей|5 руб|5 евро|5 долларов|5 元|5 円|5 원|5 dólares|5 dolares
        |5 US dollars|5 swiss francs|5 british pounds|5 kr|5 kr.|5 zł|5 Franken|5 centavos
        |10 гривень|10 гривні|10 лв|10 лева|10 Ft|10 Rs.|10 won|10 penny|10 øre|10 grosze
        |10 groszy|10 dolarów|10 ευρώ|10 שקל|10 שקלים|10 ש"ח|10 ש״ח|10 دولار|10 درهم|10 ريال
        |10 دولاراً|10 रुपए|10 ₹|10 тр|10 т.р.|10 dólares canadienses|10 yenów|10 lei
        |10 евриков|10 so'm|10 soʻm|10 ALL|10 лв.|10 ευρω|10 ДОЛЛАРОВ
        |5 ct|5 DOGE|5 L-BTC|5 WBTC|5 💵|5 SOL👍|5 usd👍|5 р|5 in euros
        |5 т. руб.|5 т.руб.|5 т ₽|5 bin tl|5 bin lira|5 tkr|5 t kr|5 t.kr.|5 T €|5 TCHF|5 MEUR
        |5 MUSD|5 mkr lunch|5 tis. Kč|5 tis.Kč|5 mi de reais|5 cr rupees|5 mie lei
        |5 kđ|5 kVNĐ|5 eFt|5 ezerFt|5 tyszł|5 พันบาท|5 vnđ|5 долл.|5 えん|5 شيكل|5 USD午餐
        |5 USDのランチ|5 만원어치|5 万円分|5 원짜리|5 ドルです|5 บาทครับ|5 块钱饭|5 nghìnđồng
    """,
    Problem.UNCLEAR_UNIT: """
        5 ksаts|5 btс|5 втс|5 Ьtс|5 sаts|5 whole bitcoin|5 of bitcoin|5 in btc|5 #btc
        |5 : btc|5 – btc|5 Ƀ|5 btc👍|5ksаts|5 BTC午餐|5 mBTCランチ|5 ksats午餐|5 bitcoin점심
        |5 BTC\u200bpizza|5 枚BTC|5 个BTC|5 个比特币|5 비트코인|5 比特幣|5 ビットコイン分|5 біткоїн
        |5 bitcoinů|5 بيتكوين|5 ביטקוין|5 बिटकॉइन|5 บิตคอยน์|5 БТЦ|5 LNBTC|5 ミリBTC
        |5 beers in sats|5 something like that btc
    """,
    Problem.PERCENT: "5 per cent|5 pour cent|5 por ciento|5 per mille",
    Problem.ONE_OR_TWO_NUMBERS: """
        5 OOO|5 ooo|5 ООО|5 O00|5 (000)|5 "000"|5 [000] sats|5 «000»|2 beers 5k|2 beers = 10k
        |3 beers @ 5k|4 of us, 84k
    """,
}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (text.strip(), problem)
        for problem, texts in ALSO_REFUSED.items()
        for text in texts.split("|")
    ],
)
def test_what_stands_after_a_number_is_not_lost(text: str, problem: Problem) -> None:
    for written in (text, f"{text} "):
        refusal = refused(written)
        assert refusal.problem == problem
        parse(str(refusal.values["example"]), min_sats=1, max_sats=MAX_SATS)


SECOND = """1k sats and 500 sats|1k sats + 500 sats|1k sats plus 500|2 ksats 500|2 ksats, 500
|1 btc and 500 sats|10 btc - 1 btc|1 btc 500 sats|1 btc + 5 mbtc|2100 sats or 5000|5 sats and 1 msat
|1 sat and 999 msat|100 y 20|100 et 20|100 и 20|100 más 20|100 and 10 sats tip|100 and 10 tip
|2 at 100|2 je 100|100 3 times|100 three times|100 twice|100 3x|100 or 20|5 hasta 10|5 bis zu 10
|3 for 2100|5 = 5k|5 = 5000|5 =5k|5 sats = 0.5 btc|5 sats thousand|5 sats k|5 btc sats|any 2100
|any amount 2100|any 5k|any 21 sats|1 point five|1 of 2|1 btc and a half
|10 \u0430 20|5 x thousand|5 times a hundred|1k sats and 10%|5 and 5 000"""


@pytest.mark.parametrize("text", SECOND.replace("\n", "").split("|"))
def test_a_second_amount_is_not_lost(text: str) -> None:
    refusal = refused(text)
    assert refusal.problem != Problem.NOT_A_NUMBER
    parse(str(refusal.values["example"]), min_sats=1, max_sats=MAX_SATS)


MEMOS = """at 8:30|for 2|and 2 friends too|to 5 friends|3 times table|twice baked|or 2 pizzas|+ tip
|of 5 friends|# 5|kr0ne"""


@pytest.mark.parametrize("memo", MEMOS.replace("\n", "").split("|"))
@pytest.mark.parametrize("amount", ["2100", "2100 sats"])
def test_a_number_in_a_memo_is_no_second_amount(amount: str, memo: str) -> None:
    assert parse(f"{amount} {memo}", min_sats=1, max_sats=MAX_SATS) == (2_100_000, memo)


@pytest.mark.parametrize("memo", ["500", "5 6 7", "at 8", "bitcoin", "mega party", "5k run", "#5"])
def test_after_sats_a_memo_may_begin_with_a_number(memo: str) -> None:
    assert parse(f"2100 sats {memo}", min_sats=1, max_sats=MAX_SATS) == (2_100_000, memo)


def _took_s(text: str) -> float:
    """The shortest of several tries: a busy machine makes any of them longer."""
    took = []
    for _ in range(7):
        began = time.process_time()
        _answer(text)
        took.append(time.process_time() - began)
    return min(took)


@pytest.mark.parametrize(("before", "many"), [("100 and ", "1"), ("100 e", "1"), ("5 ", "\ufdfa")])
def test_a_long_memo_is_not_looked_at_to_its_end(before: str, many: str) -> None:
    # sixteen times as long: a quadratic look would take 256 times as long
    assert _took_s(before + many * 16_000 + " x") < 64 * _took_s(before + many * 1000 + " x")
