import re
from itertools import pairwise

import pytest
import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from webox_exporter.documents import markdown
from webox_exporter.documents.parsing import is_safe_link
from webox_exporter.documents.safe_markdown import safe_markdown

from .conftest import answered, asked, written


class Credulous(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: ARG002, N802 - the base class's signature
        return True


def parsed(document: str) -> list[Token]:
    """As a program would read it that believes everything."""
    tokens = Credulous("commonmark", {"html": True}).enable("table").parse(document)
    return [each for token in tokens for each in (token, *(token.children or ()))]


def headings(document: str) -> list[str]:
    """The document's second-level headings."""
    tokens = parsed(document.split("\n---\n", 1)[1])
    return [
        after.content
        for token, after in pairwise(tokens)
        if token.type == "heading_open" and token.tag == "h2"
    ]


class TestFrontMatter:
    @pytest.mark.parametrize(
        "title",
        [
            "Simple",
            'a "b": c # d',
            "---",
            "{x: [",
            "été 🚀",
            "\u202e \x7f\x9f\u2028x",
            "- *a",
            "@x",
        ],
    )
    def test_is_yaml_whatever_the_title(self, title: str) -> None:
        document = written(markdown.render, title=title, tags=("a, b", "c: d"), is_favorite=True)
        front = yaml.safe_load(document.split("\n---\n")[0])
        assert front == {
            "title": " ".join(title.split()),
            "folder": "Général",
            "tags": ["a, b", "c: d"],
            "favorite": True,
            "messages": 2,
            "created_at": "2025-11-24T12:00:00Z",
            "updated_at": "2025-11-24T12:00:00Z",
        }

    def test_the_title_is_the_heading(self) -> None:
        document = written(markdown.render, title="<b>*x*</b> [a](javascript:b) `c`")
        body = document.split("\n---\n", 1)[1]
        inline = next(token for token in parsed(body) if token.type == "inline")
        assert {child.type for child in inline.children or ()} == {"text"}
        assert "".join(child.content for child in inline.children or ()) == (
            "<b>*x*</b> [a](javascript:b) `c`"
        )


class TestMessages:
    def test_each_under_who_said_it(self) -> None:
        document = written(
            markdown.render,
            asked("Question"),
            answered("Réponse *une*", "Claude"),
            answered("Essai", "Demo A", demo=True),
            answered("Partie", status="cancelled"),
        )
        assert [heading.split(" · ")[0] for heading in headings(document)] == [
            "Vous",
            "Claude",
            "Demo A",
            "GPT-4",
        ]
        assert headings(document)[2].endswith("démonstration")
        assert headings(document)[3].endswith("interrompue")
        assert "\nRéponse *une*\n" in document

    def test_ordinary_markdown_stays_as_it_is(self) -> None:
        source = (
            "# T\n\n- a **b** `c<d>`\n- [l](https://x.example)\n\n> q\n\n"
            "| a | b |\n|---|---|\n| 1 | 2 |\n\n```html\n<b>![x](y)</b>\n```\n\n    <indented>\n\n"
            "1 < 2 et 3 > 2, a&b, 2 * 3"
        )
        assert safe_markdown(source) == source

    @pytest.mark.parametrize(
        "unclosed",
        [
            "```python\nx = 1",
            "~~~\nx",
            "````\nx\n```",
            "<!-- comment",
            "<script>",
            "<pre>",
            "<div>\n\n<?php",
            "- ```\n  x\n",
            "> ```\n> x",
            "`a\n",
            "- item\n  ```\ntext\n```",
        ],
    )
    def test_what_is_left_open_swallows_nothing(self, unclosed: str) -> None:
        document = written(markdown.render, answered(unclosed, "First"), answered("b", "Second"))
        assert [heading.split(" · ")[0] for heading in headings(document)] == ["First", "Second"]


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "<!-- x --><b>",
    "<?php x ?>",
    "<!DOCTYPE x>",
    "[a](javascript:alert(1))",
    "[a]( <javascript:alert(1)> )",
    "[a](\njavascript:alert(1))",
    "[a](&#106;avascript:alert(1))",
    "[a](java\\script:x)",
    "[a](data:text/html;base64,x)",
    "[a](vbscript:x)",
    "[a](/etc/passwd)",
    "[a][b]\n\n[b]: javascript:alert(1)",
    "[a][b]\n\n> [b]: javascript:alert(1)",
    "[b]\n\n[b]:\njavascript:alert(1)",
    "![pixel](https://canary.example/p.png)",
    "![pixel][p]\n\n[p]: https://canary.example/p.png",
    "[![x](https://canary.example)](https://a.example)",
    "<javascript:alert(1)>",
    "`a` <b> `c`",
    "`a\n\n# <b>x</b> `",
    "| ` | <b> ` |\n|---|---|\n| ` | <i> ` |",
    "a\n<div>\nb",
    "- <b>\n  <i>\n> <u>",
    "\\<b>",
    "\\\\<b>",
    "\\`<b>\\`",
    "``` <b> ```",
    "```a`b\n<script>\n```",
    "<b\n>",
    "    code\n<b>",
    "*<b>*",
    "[a](https://x.example 'title\"<b>')",
    "[a](https://x.example)<b>",
    "<https://x.example/<b>>",
    "> " * 60 + "<b>",
    "<b " * 2000,
    "[a](" * 2000,
    "`" * 999 + "<b>",
]


class TestHostileText:
    @pytest.mark.parametrize("text", HOSTILE)
    def test_is_text_even_for_who_believes_everything(self, text: str) -> None:
        document = written(markdown.render, answered(text), answered("fin"))
        tokens = parsed(document.split("\n---\n", 1)[1])
        assert not {token.type for token in tokens} & {"html_block", "html_inline", "image"}
        for token in tokens:
            if token.type == "link_open":
                assert is_safe_link(str(token.attrs["href"])), token.attrs
        assert len(headings(document)) == 2

    @pytest.mark.parametrize(
        ("text", "harmless"),
        [
            ("**a** <b>x</b> `<c>`", "**a** \\<b>x\\</b> `<c>`"),
            ("![a](https://x.example)", "\\![a](https://x.example)"),
            ("[a](javascript:b) *c*", "[a\\](javascript:b) *c*"),
            ("| a | `<b>` |\n|---|---|\n| <i> | c |", "| a | `<b>` |\n|---|---|\n| \\<i> | c |"),
            ("```\n<b>", "```\n<b>\n```"),
        ],
    )
    def test_is_changed_no_more_than_it_has_to(self, text: str, harmless: str) -> None:
        assert safe_markdown(text) == harmless

    @pytest.mark.parametrize("text", HOSTILE)
    def test_nothing_of_it_is_lost(self, text: str) -> None:
        letters = re.sub(r"[\W_]", "", text)
        assert re.sub(r"[\W_]", "", safe_markdown(text)).replace("text", "", 1) in {
            letters,
            letters.replace("text", "", 1),
        }

    def test_control_characters_are_shown(self) -> None:
        assert safe_markdown("a\x1b[31m\x07\x9fb\r\nc") == "a␛[31m␇[U+009F]b\nc"
