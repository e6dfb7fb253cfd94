"""Writing systems: where their letters are in Unicode, and what setting them takes.

Ranges are those of the Unicode Standard's Blocks.txt; the samples are what `webox doctor` and the
tests ask the fonts for.
"""

import re
from typing import NamedTuple

LATIN = "latin"
CJK = "cjk"
SYMBOLS = "symbols"
EMOJI = "emoji"
BOXES = "boxes"


class Block(NamedTuple):
    """A range of code points and the script, a key of `faces.SCRIPT_FACES`, that it belongs to."""

    first: int
    last: int
    script: str


BLOCKS = (
    Block(0x0530, 0x058F, "Armenian"),
    Block(0x0590, 0x05FF, "Hebrew"),
    Block(0x0600, 0x06FF, "Arabic"),
    Block(0x0750, 0x077F, "Arabic"),
    Block(0x0870, 0x08FF, "Arabic"),
    Block(0x0900, 0x097F, "Devanagari"),
    Block(0x0980, 0x09FF, "Bengali"),
    Block(0x0A00, 0x0A7F, "Gurmukhi"),
    Block(0x0A80, 0x0AFF, "Gujarati"),
    Block(0x0B00, 0x0B7F, "Oriya"),
    Block(0x0B80, 0x0BFF, "Tamil"),
    Block(0x0C00, 0x0C7F, "Telugu"),
    Block(0x0C80, 0x0CFF, "Kannada"),
    Block(0x0D00, 0x0D7F, "Malayalam"),
    Block(0x0D80, 0x0DFF, "Sinhala"),
    Block(0x0E00, 0x0E7F, "Thai"),
    Block(0x0E80, 0x0EFF, "Lao"),
    Block(0x1000, 0x109F, "Myanmar"),
    Block(0x10A0, 0x10FF, "Georgian"),
    Block(0x1100, 0x11FF, CJK),
    Block(0x1200, 0x139F, "Ethiopic"),
    Block(0x1780, 0x17FF, "Khmer"),
    Block(0x1C90, 0x1CBF, "Georgian"),
    Block(0x2500, 0x259F, BOXES),
    Block(0x2D00, 0x2D2F, "Georgian"),
    Block(0x2D80, 0x2DDF, "Ethiopic"),
    Block(0x2E80, 0x9FFF, CJK),
    Block(0xA8E0, 0xA8FF, "Devanagari"),
    Block(0xAC00, 0xD7FF, CJK),
    Block(0xF900, 0xFAFF, CJK),
    Block(0xFB1D, 0xFB4F, "Hebrew"),
    Block(0xFB50, 0xFDFF, "Arabic"),
    Block(0xFE30, 0xFE4F, CJK),
    Block(0xFE70, 0xFEFE, "Arabic"),
    Block(0xFF00, 0xFFEF, CJK),
    Block(0x1F000, 0x1FAFF, EMOJI),
    Block(0x20000, 0x323AF, CJK),
)

RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufefe\U00010800-\U00010fff]")
"""A text without any of these needs no bidirectional algorithm."""

IGNORABLE = (
    "\u00ad\u034f\u061c\u180e\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f\ufeff"
    "\U000e0020-\U000e007f\U000e0100-\U000e01ef"
)
"""Default ignorable characters: they steer how others are drawn, and are not seen."""

ACCENTS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0"
"""Combining marks of no script in particular."""

OPENING = r"（「『《〈【〔〖｛［‘“(\[{"
CLOSING = r"、。，．：；？！）」』》〉】〕〗｝］’”…‥・ー々〻,.:;!?)\]}"
SMALL_KANA = "ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ"
"""Marks that may not end a line of ideographs, and those that may not begin one (JIS X 4051)."""

VOWELS_FIRST = "เแโใไເແໂໃໄ"
"""Vowels of Thai and Lao that are written before their consonant."""

NEVER_OBEYED = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Explicit bidirectional controls: a text could show something else than it says."""

SAMPLES = {
    "Latin": "Où est l'œuvre ? Zażółć gęślą jaźń, Đặng Thị",
    "Cyrillic": "Съешь же ещё этих мягких булок",
    "Greek": "Γαζέες καὶ μυρτιὲς δὲν θὰ βρῶ",
    "Arabic": "السلام عليكم ورحمة الله",
    "Hebrew": "דג סקרן שט בים מאוכזב",
    "Devanagari": "नमस्ते दुनिया, क्षेत्र में किताबें",
    "Thai": "สวัสดีชาวโลก เป็นมนุษย์สุดประเสริฐ",
    "Chinese": "天地玄黄，宇宙洪荒。繁體中文",
    "Japanese": "いろはにほへと、カタカナと漢字。",
    "Korean": "다람쥐 헌 쳇바퀴에 타고파",
    "Emoji": "🚀 ✅ 👍🏽 👨‍👩‍👧 🇫🇷 💡",
    "Box drawing": "┌─┬─┐ │ ╔═╗ █ ▓ ░",
    "Arrows and mathematics": "A → B ⇒ C, x ≤ y ≠ ∞, √2 ∈ ∑ ↑↓←",
    "Armenian": "Բարեւ աշխարհ",
    "Georgian": "გამარჯობა მსოფლიო",
    "Bengali": "ওহে বিশ্ব",
    "Tamil": "வணக்கம் உலகம்",
    "Telugu": "హలో ప్రపంచం",
    "Kannada": "ಹಲೋ ಪ್ರಪಂಚ",
    "Malayalam": "ഹലോ ലോകം",
    "Gujarati": "નમસ્તે દુનિયા",
    "Gurmukhi": "ਸਤ ਸ੍ਰੀ ਅਕਾਲ",
    "Sinhala": "ආයුබෝවන් ලෝකය",
    "Khmer": "សួស្តី\u200bពិភពលោក",
    "Lao": "ສະບາຍດີ",
    "Myanmar": "မင်္ဂလာပါ",
    "Ethiopic": "ሰላም ለዓለም",
}
"""One line in each script that the installed fonts are to print."""


def script_of(code: int) -> str:
    """The script whose face is asked first for this code point."""
    for block in BLOCKS:
        if code < block.first:
            break
        if code <= block.last:
            return block.script
    return LATIN
