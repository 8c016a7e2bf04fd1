"""Spellings that mean the same become one: width, case, kana, old and variant characters, long vowels at the end."""

from __future__ import annotations

import re
import unicodedata

_OLD = (
    "亞亜惡悪壓圧圍囲爲為醫医壹壱稻稲飮飲隱隠榮栄營営衞衛驛駅圓円鹽塩應応歐欧毆殴奧奥櫻桜價価畫画會会壞壊懷懐繪絵擴拡殼殻覺覚學学嶽岳"
    "樂楽勸勧卷巻寬寛歡歓罐缶觀観關関陷陥巖巌顏顔歸帰氣気龜亀僞偽戲戯犧犠舊旧據拠擧挙虛虚峽峡狹狭鄕郷曉暁勤勤區区驅駆勳勲薰薫徑径惠恵"
    "溪渓經経繼継莖茎螢蛍輕軽鷄鶏藝芸缺欠儉倹劍剣圈圏檢検權権獻献縣県險険顯顕驗験嚴厳效効廣広恆恒鑛鉱號号國国濟済碎砕齋斎劑剤雜雑參参"
    "慘惨棧桟蠶蚕贊賛殘残絲糸齒歯兒児辭辞濕湿實実舍舎寫写釋釈壽寿收収從従澁渋獸獣縱縦肅粛處処敍叙奬奨將将燒焼稱称證証乘乗剩剰壤壌孃嬢"
    "條条淨浄疊畳穰穣讓譲釀醸觸触囑嘱寢寝愼慎晉晋眞真盡尽圖図粹粋醉酔隨随髓髄數数樞枢聲声靜静齊斉攝摂竊窃專専戰戦淺浅潛潜纖繊踐践錢銭"
    "禪禅雙双壯壮搜捜插挿爭争總総聰聡莊荘裝装騷騒臟臓藏蔵屬属續続墮堕體体對対帶帯滯滞瀧滝澤沢擇択單単擔担膽胆團団彈弾斷断遲遅晝昼蟲虫"
    "鑄鋳廳庁聽聴敕勅鎭鎮塚塚遞逓鐵鉄轉転點点傳伝黨党盜盗燈灯當当鬪闘獨独讀読屆届繩縄貳弐惱悩腦脳霸覇廢廃拜拝賣売麥麦發発髮髪拔抜蠻蛮"
    "祕秘濱浜瓶瓶拂払佛仏竝並變変邊辺邉辺辨弁辯弁寶宝豐豊沒没飜翻槇槙默黙藥薬譯訳豫予餘余與与譽誉搖揺樣様謠謡來来賴頼亂乱覽覧龍竜兩両"
    "獵猟綠緑壘塁淚涙勵励禮礼靈霊齡齢戀恋爐炉勞労樓楼郞郎祿録灣湾髙高﨑崎嵜崎槗橋桒桑舘館冨富嶋島峯峰曽曾籏旗濵浜渕淵凉涼檜桧ヶケヵカ"
)
_TABLE = {ord(a): b for a, b in zip(_OLD[::2], _OLD[1::2], strict=True)}
_KATAKANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}
_LONG = re.compile(r"(?<=[ぁ-ゖ]{2})ー(?![ぁ-ゖ])")
_LONGEST = 60
"""Characters of a Latin word that count; an index takes no word of thousands."""
_WORDS = re.compile(r"[a-z0-9]+(?:[.'][a-z0-9]+)*|[぀-ゟ一-鿿㐀-䶿々〆ー豈-﫿]+")


def fold(text: str) -> str:
    """One spelling for all: NFKC, small letters, hiragana for katakana, new characters for old ones."""
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_TABLE).translate(_KATAKANA)
    return _LONG.sub("", plain.replace("ヴ", "ぶ").replace("ゔ", "ぶ"))


def words(folded: str) -> list[str]:
    """Runs of Latin letters and digits, and runs of Japanese, in their order."""
    return _WORDS.findall(folded)


def is_latin(word: str) -> bool:
    """It is of Latin letters and digits."""
    return word[:1].isascii()


def lexemes(text: str) -> list[str]:
    """What a text is found by: Latin words without a plural's s, and the bigrams and single characters of Japanese."""
    found: dict[str, None] = {}
    for word in words(fold(text)):
        for lexeme in lexemes_of(word, single=True):
            found[lexeme] = None
    return list(found)


def lexemes_of(word: str, *, single: bool = False) -> list[str]:
    """Of one folded word. `single`: with its characters one by one, as a text that is indexed needs."""
    if is_latin(word):
        return [stem(word[:_LONGEST])]
    pairs = [word[i : i + 2] for i in range(len(word) - 1)]
    return [*pairs, *word] if single else pairs or [word]


def stem(word: str) -> str:
    """An English plural as its singular, roughly: only that both sides do the same matters."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ses", "xes", "ches", "shes")):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word
