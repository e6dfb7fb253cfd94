import base64
import hashlib
import re
from decimal import Decimal
from html.parser import HTMLParser

import pytest

from webox_exporter.documents import html_document
from webox_exporter.documents.safe_html import safe_html

from .conftest import answered, asked, written

VOID = {"meta", "br", "hr"}
ATTRIBUTES = {"class", "id", "href", "rel", "dir", "start", "lang", "charset", "name", "content"}


class Read(HTMLParser):
    """What a browser finds in a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def page_of(*contents: str) -> Read:
    messages = [answered(each, number=number) for number, each in enumerate(contents, 2)]
    return Read(written(html_document.render, *messages))


def test_answers_stand_side_by_side_under_their_question() -> None:
    more = {"parent_id": 1, "total_ms": 1240, "input_tokens": 3, "output_tokens": 40}
    document = written(
        html_document.render,
        asked("Question ?"),
        answered("Une", "GPT-4", 2, **more, cost=Decimal("0.00120")),
        answered("Deux", "Claude", 3, **more),
        asked("Suite", 4),
        answered("Trois", "Claude", 5, parent_id=4, truncated=True),
    )
    assert document.count('<div class="answers n2">') == 1
    assert document.count('<div class="answers n1">') == 1
    assert re.findall(r'id="m(\d)"', document) == list("12345")
    text = Read(document).text
    assert "Une 1,2 s · 3 → 40 jetons · 0,0012 $ Claude" in text
    assert "2025 à 12:00 UTC · coupée Trois" in text


def test_nothing_but_its_own_style_has_any_effect() -> None:
    document = written(html_document.render, asked("a"))
    (style,) = re.findall("<style>(.*?)</style>", document, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = re.findall('Content-Security-Policy" content="([^"]*)"', document)
    assert policy == [
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    ]
    assert "url(" not in style
    assert "@import" not in style


def test_markdown_is_rendered() -> None:
    page = safe_html(
        "# T\n\n**b** *i* ~~s~~ `c`\nligne\n\n1. a\n2. b\n   - c\n\n> q\n\n"
        "| a | b |\n|---|--:|\n| 1 | 2 |\n\n```python\nx = 1  # é\n```\n\n"
        "- [ ] reste\n- [x] fait\n\n<https://a.example/?b&c>"
    )
    for part in (
        "<h4>T</h4>", "<strong>b</strong> <em>i</em> <s>s</s> <code>c</code><br>\nligne",
        '<ol dir="auto">', '<ul dir="auto">', '<blockquote dir="auto">', '<td class="r">2</td>',
        '<span class="n">x</span>', "☐ reste", "☑ fait",
        '<a href="https://a.example/?b&amp;c" rel="noopener noreferrer nofollow">',
    ):  # fmt: skip
        assert part in page


@pytest.mark.parametrize(
    "formula", ["$a_1*b*$", r"\(a_b \{c\}\)", r"\[x_1\]", "$$\n\\frac{a}{b}\n$$"]
)
def test_formulas_stay_as_they_were_typed(formula: str) -> None:
    assert Read(f"<div>{safe_html(formula)}</div>").text == " ".join(formula.split())


def test_prices_are_no_formulas() -> None:
    assert safe_html("de $5 à *$6*") == "<p>de $5 à <em>$6</em></p>\n"


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "</div></main></body><img src=x onerror=alert(1)>",
        '[a](https://x.example"onmouseover="alert(1))',
        '![a"onerror="alert(1)](https://x.example/a.png "t")',
        "[a](javascript:alert(1)) [b](JaVaScRiPt:alert(1)) [c](data:text/html,x) [d](vbscript:x)",
        "[a]: javascript:alert(1)\n\n[a]",
        "<javascript:alert(1)> <http://x.example/<script>>",
        '```x" onload="alert(1)\n</code></pre><script>\n```',
        "```html\n<script>alert(1)</script>\n```",
        "| a |\n|---|\n| <img src=x> |",
        "a\x00b\x1b\ud800\u202e\u2028",
        "<!-- x", "]]>", "&lt;script&gt; &#60;img&#62;",
        "> " * 100 + "<b>x",
    ],
)  # fmt: skip
def test_hostile_text_stays_text(hostile: str) -> None:
    page = page_of(hostile, "ce qui suit")
    assert "script" not in {tag for tag, _ in page.tags}
    assert "img" not in {tag for tag, _ in page.tags}
    for tag, attributes in page.tags:
        assert attributes.keys() <= ATTRIBUTES | {"http-equiv"}, tag
        href = attributes.get("href") or "https://"
        assert href.startswith(("https://", "http://", "mailto:"))
    assert page.text.count("ce qui suit") == 1


def test_titles_and_names_are_text() -> None:
    document = written(
        html_document.render,
        answered("x", '<img src="a">', demo=True),
        title="<script>é</script>",
        folder="</dl><b>",
        tags=('"><i>',),
    )
    page = Read(document)
    assert {"script", "img", "b", "i"}.isdisjoint(tag for tag, _ in page.tags)
    assert "<script>é</script>" in page.text
