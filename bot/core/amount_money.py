"""The names of other currencies: behind a number they make it no number of sats.

As people write them, in the languages of those who pay with them and of their neighbours, with the
endings that a number asks for. "stem(a|b)" is "stema" and "stemb".
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

_ENDINGS = re.compile(r"([^(\s]*)(?:\(([^)\s]*)\))?")


def spelled(words: str) -> frozenset[str]:
    """The words, with each of their endings."""
    return frozenset(itertools.chain.from_iterable(map(_spelled, words.split())))


def _spelled(word: str) -> Iterator[str]:
    """Of one word; there can be several places with endings."""
    parts = [
        [stem + ending for ending in (endings or "").split("|")]
        for stem, endings in _ENDINGS.findall(word)
    ]
    return map("".join, itertools.product(*parts))


# ISO 4217, without those that are words: see below
_CODES = spelled(
    """aed afn aoa ars aud awg azn bbd bdt bgn bhd bif bmd bnd brl bsd btn bwp byn byr bzd cad cdf
    chf clp cny crc cve czk djf dkk dop dzd egp ern etb eur fjd fkp gbp ghs gip gmd gnf gtq gyd hkd
    hnl hrk htg huf idr ils inr iqd irr isk jmd jod jpy kes kgs khr kmf kpw krw kwd kyd kzt lbp lkr
    lrd lsl lyd mdl mkd mmk mnt mru mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pgk pkr pln
    pyg qar rmb rsd rwf sbd scr sdg sek sgd shp srd ssp stn svc syp szl thb tjs tmt tnd ttd twd tzs
    uah ugx usd uyu uzs vnd vuv wst xaf xcd xof xpf yer zar zmw zwg zwl fcfa cfa ltl lvl skk"""
)
_COINS = spelled(
    """usdt usdc eth ltc xmr doge dogecoin ether ethereum litecoin monero tether stablecoin(|s) bnb
    bch xrp wbtc lbtc l-btc rbtc cbbtc trx tron avax matic xlm hbar zec shib usde usdd usdp usds
    tusd busd gusd fdusd pyusd frax eurc eurt eure eurs"""
)
# Dollars and euros with their cents, pounds, , francs, then by regions.
_LATIN = spelled(
    """dollar(|s|e|i|en|oa|ia|t|ta|it) dólar(|es|i|a|e|u|y|ů|ów|om|ov|jev) dollár(|t|ok) buck(|s)
    doler(io|iai|iu|ių) euro(|s|a|t|n|ja|jen|i|w) eurô euró(|t) eur(á|ai|ų|as|y) eiro
    evr(o|a|i|ov|ó) avro yuro cent(|s|em|ov|y|ů|ów|a|i|ai|ų|u|es|en|avo|avos|esimi|esimo)
    centim(o|os|e|es) ct cts sent(it|tiä|in|ti|tti) pound(|s) quid pence pennies penniä
    sterlin(|a|e|g) puntaa funt(|y|ów|ov) kr kron(e|er|en|a|or|ur|y|as) kroon(|i) kruunu(|a|n)
    krónur kč kčs kc korun(|a|y|u|e) koron(y|át) couronne(|s) öre øre aurar halé(ř|ře|řů)
    halier(|e|ov) franc(|s|os|hi) franken sfr rappen stutz frank(i|ów)
    zlot(y|ys|ych|e|ówka|ówki|ówek) zł(|oty|ote|otych|otówka|otówki|otówek) zl grosz(e|y|en)
    groschen forint(|ot|ok|tal) fillér(|t) leva stotinki markaa maraka markkaa pfennig(|e)
    schilling dinar(|s|i|a|es|e) denar(|i|a) lekë kun(a|e|u) litai litų peset(a|as) escudo(|s)
    peso(|s) reais réis boliviano(|s) bolívar(|es) soles guaran(í|íes|ies) lempira(|s) quetzal(|es)
    colones córdobas balboas naira cedi(|s) pesewa(|s) birr shilling(|s|i) shilingi ksh tsh ush
    kwacha kwanza(|s) metica(l|is) nakfa ariary dalasi maloti lira(|s|ya) lire tl kuruş kurus
    dirham(|s) riyal(|s) rial(|s) piast(re|res|er|ers) halala(|s) s(h|ch|z)ekel(|s|im|i) sheqalim
    agorot toman(|s) r(u|ou)bl(e|es|ar|os|i|ja|o|a|í|ů) rubel(|s) kope(k|ks|ck|cks|yka)
    hryvn(ia|ias|i|ya) hriven grivn(a|y|i) tenge tiyin manat(|s) somoni soum afghani(|s)
    rupee(|s) rupaye rupi(a|as|ah|e|i|en) roupie(|s) rs paise poisha baht satang riel(|s) kyat(|s)
    ringgit đồng vnđ yen(|s|es|y|ów) yuan(|es|s) renminbi jiao tögrög tugrik(|s) pataca(|s) rufiyaa
    ngultrum usdollar(|s) kuai teur kiloeuro(|s) keuro(|s)"""
)
# The others, each in its own letters.
_OTHERS = spelled(
    """долл доллар(|а|ы|ов|у|ам|ів|и) шекел(ь|я|ей|і|ів) долар(|а|и|ів|у|і) бакс(|а|ы|ов|ів|и)
    евр(|о|а|ы|ов|ики|иков) євро
    еўра рубл(ь|я|и|ей|ю|ям|ёв|ів) руб(|ель) рупи(я|и|й|ю) коп(|ейка|ейки|еек|ійка|ійки|ійок|ійку)
    цент(|а|ы|ов|ів|и) гривн(а|ы|я|і|ю|у|и|ею) грив(ен|ень) грн фунт(|а|ы|ов|ів|и|у)
    стерлинг(|ов|ів) крон(|а|ы|у|и) франк(|а|и|ов|ів|у) злот(ый|ых|ого|ы|і|их) йен(|а|ы)
    иен(|а|ы|и) юан(ь|я|и|ей|ів) лир(|а|ы|у) тенге теңге тг тнг тиын сомов сомони сумов сўм
    манат(|а|ы|ов) драм(|а|ов) лари леев лева лв стотинк(а|и) динар(|а|и|е|ів|ов|ы) дин денар(|и|а)
    марака төгрөг тугрик(|а|ов|и) тыр ευρώ δολάρι(α|ο) λεπτ(ά|ό|ών) λίρ(α|ες|ών) δραχμ(ή|ές|ών)
    φράγκ(α|ο) σεντ(|ς) שקל(|ים) שח דולר(|ים) יורו אירו אגור(ות|ה) פאונד ליש"ט לירה לירות פרנק דינר
    (|ال)دولار(|ات|ا) (|ال)درهم(|ا) (|ال)دراهم (|ال)ريال(|ات|ا) (|ال)دينار(|ا) (|ال)دنانير
    (|ال)جنيه(|ات|ا) (|ال)شيكل(|ات) (|ال)شيقل (|ال)لير(ة|ات) (|ال)يورو (|ال)قرش(|ا) (|ال)قروش
    (|ال)فلس(|ا) (|ال)فلوس
    (|ال)هلل(ة|ات) (|ال)روبي(ة|ات) سنت(|ات) فرنك دولارين درهمين ريالين دينارين ریال دلار تومان تومن
    یورو پوند افغانی روپی(ے|ہ) روپے پیسے ڈالر لیره لیر रुपए रुपये रुपया रुपयों रुपयाँ रुपैयाँ रू रु
    पैसे पैसा डॉलर यूरो पाउंड টাকা পয়সা ডলার ইউরো রুপি ரூபாய் டாலர் రూపాయ(ి|లు) ರೂಪಾಯಿ(|ಗಳು) രൂപ
    રૂપિય(ા|ો) ਰੁਪਏ ਰੁਪਈਏ ਰੁਪਿਆ රුපියල් ඩොලර් บาท ดอลลาร์ ดอลล่าร์ ยูโร สตางค์ เยน หยวน ปอนด์ ກີບ
    រៀល ដុល្លារ ကျပ် ဒေါ်လာ ብር ዶላር ლარი ლარის თეთრი დოლარი ევრო դրամ դոլար եվրո 円 えん 日元 元 美元
    美金 欧元 歐元 人民币 人民幣 块 块钱 塊 塊錢 圆 圓 刀 毛 毛钱 镑 鎊 英镑 英鎊 港币 港幣 港元
    台币 台幣 新台币 韩元 韓元 卢布 瑞郎 澳元 加元 日円 ドル 米ドル ユーロ ポンド ウォン バーツ 원
    엔 달러 불 유로 위안 파운드 바트 페소 루블 песо"""
)
MONEY = _CODES | _COINS | _LATIN | _OTHERS
# Other words, units or names as well: so only as the last one.
MONEY_AT_THE_END = spelled(
    """c p r đô taka korona pund lipa libras livres crowns kobo gourde(|s) nis marka тр р fr real
    rand(|s) sol lei dh dhs bs rp dong won penny ft kn lv ore km din den br kz q d đ bani ban sen
    sum som so'm сом сума сум lari dram(|s) kip kina pula vatu lek marks libra livre florins fils
    grosz paisa paisas eu xu perak ден км бани лей леи دإ رس جم دك لل دم دج دت رع رق"""
)
# More than other words only in capitals.
MONEY_IN_CAPITALS = spelled(
    """COP PHP RUB TRY MAD PEN SOL TON RON GEL SAR BOB DAI ADA AMD BAM MOP ANG DEM MGA MUR VES"""
)
MONEY_IN_CAPITALS_AT_THE_END = spelled("ALL TOP CUP SOS SLE LAK US DM")
# "5 US dollars"
MONEY_OF = spelled(
    "us hk nz american australian canadian swiss british english mexican hong kong new zealand"
)
