"""What behind a bill's sum says more of it: that it is one part, in how many, or not all.

Knows the words, and no sentence. Ordinary memos are left alone.
"""

from __future__ import annotations

import re

from bot.core.amount_words import LOOKED_AT, seen

_EACH = r"""(?:each|apiece|pp|p\.\s?p\.?|p/p|c/u|chacune?|ciascun[oa]|cadauno|каждый|каждому|każdy
|per\s(?:person|persons|pers|pax|head|heads|capita|guest|persona|persoon|kopf|nase)
|für\sjede[rn]?|jeweils|cada\squien|每人|一人あたり|1인당|/\s?(?:person|pers|pax|pp|head|kopf)
|(?<!for\s)an?\s(?:head|person|piece|pop)(?!\s(?:of|who)\b)|pro\s(?:person|pers|kopf|nase)|je\s(?:person|kopf|nase)
|cada\s(?:uno|una|um|uma)|por\s(?:persona|cabeza|pessoa)|par\s(?:personne|t[eê]te)|a\s(?:testa|persona)
|с\s(?:человека|каждого)|на\s(?:человека|каждого|кожного)|[nz]a\sosob[eęu]|kişi\sbaşı(?:na)?)"""
_PLEASE = r"(?:please|pls|thanks|thx|bitte|danke|por\sfavor|gracias|obrigad[oa]|merci|grazie)"
_ONE_PART = re.compile(
    rf"(?:{_EACH}(?!\w)|(?:je|ea|elk|cada|chaque|jede[rn]?)\.?$)"
    rf"|.*?(?:[\s,;(]|(?=/))({_EACH})(?:[\s,]+{_PLEASE})?[\s.!)]*$",
    re.IGNORECASE | re.VERBOSE,
)
_PEOPLE = r"""(?:people|persons?|pers|friends|guests|heads|of\sus|ways|parts|shares|Personen|Leute
|Freunde|Gäste|Teile|personas|amigos|partes|personnes|amis|persone|amici|pessoas|человека?|людей|чел
|osób|osoby|kişi)"""
_SO_MANY = re.compile(
    rf"""[-(\u2010-\u2015~\s]*(?:(?:for|in|into|among|between|by|(?P<others>with|mit|con|avec|com|met|z|с)
|für|durch|unter|zu|entre|para|en|pour|per|tra|fra
|por|на|для|dla|na)\s(?P<few>\d{{1,2}})(?:\s{_PEOPLE})?|(?:(?:or|oder|o|ou)\s)?(?P<people>\d{{1,2}})\s{_PEOPLE}
|(?:(?:{_PEOPLE}|adults|Erwachsene|adultos|adultes|adulti)\s)?(?:\+|&|and|und|y|e|et|i|и)\s
(?P<more>\d{{1,2}}\s(?:{_PEOPLE}|more|others|kids|children|weitere|andere|Kinder|más|otros|altri|autres|enfants|outros|innych|других)
|(?:me|myself|I|ich|yo|io|moi|eu|ja|я)))[\s.!)]*$""",
    re.IGNORECASE | re.VERBOSE,
)
_OR_MORE = re.compile(
    rf"(?:[-\u2010-\u2015\u2212~]+|(?P<word>or|to|oder|bis|o|ou|или|до)\s)\s?(?P<number>\d{{1,2}})"
    rf"(?P<people>\s{_PEOPLE}(?!\w)|$)?(?![\w:.,%/])",
    re.IGNORECASE | re.VERBOSE,
)
_OR_SO = re.compile(
    rf"""(?:or|oder|o|ou)\s(?:more|less|fewer|mehr|weniger|más|menos|mais|plus)
(?:\s{_PEOPLE})?[\s.!)]*$""",
    re.IGNORECASE | re.VERBOSE,
)
_TIP = (
    r"(?:the\s)?(?:tips?|Trinkgeld|propina|pourboire|mancia|gorjeta|napiwek|VAT|MwSt|IVA|TVA)(?!\w)"
)
_AND_MORE = re.compile(
    rf"""(?:\+|(?:plus|minus|zzgl)(?!\w))\S*\s?\S*
|(?:&|and|und|y|e|et|i)\s{_TIP}
|\d+\s?%\s{_TIP}|{_TIP}\s\d+\s?%""",
    re.IGNORECASE | re.VERBOSE,
)


def of_one_part(memo: str) -> str:
    """The words by which the sum is said to be that of one part: "each"; "" for none."""
    found = _ONE_PART.match(_start(memo))
    return "" if found is None else (found[1] or found[0]).strip()


def in_words(memo: str) -> tuple[int, ...]:
    """In how many parts, where that is all that the memo says: "for 4 people", "(4 people)".

    "with 3 friends" may be three or four, "and 2 more" and "friends and me" are some number, 0;
    empty for anything else.
    """
    found = _SO_MANY.match(_start(memo))
    if found is None:
        return ()
    if found["more"]:
        return (0,)
    count = int(found["few"] or found["people"])
    return (count, count + 1) if found["others"] else (count,)


def or_more(memo: str, count: int) -> str:
    """What makes a number of people another one: "- 3 people", "or more"; "" where nothing does.

    A range goes up: behind three, "or 4 pizzas" says something of their number, "or 2 pizzas" not,
    and "- 4 pizzas" is a memo behind a dash.
    """
    if (found := _OR_SO.match(_start(memo))) is not None:
        return found[0].strip()
    found = _OR_MORE.match(_start(memo))
    if found is None:
        return ""
    is_range = found["word"] and int(found["number"]) > count
    return found[0] if is_range or found["people"] is not None else ""


def and_more(memo: str) -> str:
    """What is added to a sum, or taken from it: "+ tip"; "" for nothing."""
    found = _AND_MORE.match(_start(memo))
    return "" if found is None else found[0].strip()


def _start(memo: str) -> str:
    return seen(memo[:LOOKED_AT])
