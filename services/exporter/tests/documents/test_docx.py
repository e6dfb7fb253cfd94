import io
import tracemalloc
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from docx import Document
from docx.document import Document as DocxDocument

from webox_exporter.documents import docx_document
from webox_exporter.documents.model import Message
from webox_exporter.documents.words import Words

from .conftest import answered, asked, conversation


def file_of(*messages: Message, **header: Any) -> bytes:
    out = io.BytesIO()
    rendered = docx_document.render(conversation(**header), iter(messages), Words(), out)
    assert rendered == len(messages)
    return out.getvalue()


def opened(*messages: Message, **header: Any) -> DocxDocument:
    return Document(io.BytesIO(file_of(*messages, **header)))


def styled(document: DocxDocument) -> list[tuple[str, str]]:
    return [(each.style.name, each.text) for each in document.paragraphs if each.style]


def links(document: DocxDocument) -> list[tuple[str, str]]:
    return [(each.text, each.address) for one in document.paragraphs for each in one.hyperlinks]


def test_reads_like_a_document() -> None:
    document = opened(
        asked("Question ?\nSuite"),
        answered("# T\n\nTexte", total_ms=1200, cost=Decimal("0.10"), demo=True),
    )
    assert styled(document) == [
        ("Title", "Discussion marketing"),
        ("Details", "Dossier\u00a0: Général"),
        ("Details", "Étiquettes\u00a0: marketing, stratégie"),
        ("Details", "Créée le\u00a0: 24 novembre 2025 à 12:00 UTC"),
        ("Details", "Modifiée le\u00a0: 24 novembre 2025 à 12:00 UTC"),
        ("Details", "Messages\u00a0: 2"),
        ("Heading 1", "Vous"),
        ("Details", "24 novembre 2025 à 12:00 UTC"),
        ("Normal", "Question ?\nSuite"),
        ("Heading 2", "GPT-4"),
        (
            "Details",
            "gpt-4-turbo · 24 novembre 2025 à 12:00 UTC · démonstration · 1,2\u00a0s · 0,1\u00a0$",
        ),
        ("Heading 3", "T"),
        ("Normal", "Texte"),
    ]
    properties = document.core_properties
    assert properties.title == "Discussion marketing"
    assert properties.keywords == "marketing, stratégie"
    assert properties.language == "fr-FR"
    foot = document.sections[0].footer.paragraphs[0]
    assert foot.text.startswith("Discussion marketing · Page")
    assert "NUMPAGES" in foot._p.xml  # noqa: SLF001 - fields have no other way in


def test_looks_of_text() -> None:
    document = opened(answered("a **b** *i* ~~s~~ `c` ***bi***\n\n> cité"))
    looks = {
        run.text: (run.bold, run.italic, run.font.strike, run.style.name)
        for paragraph in document.paragraphs
        for run in paragraph.runs
    }
    assert looks["b"][0] is True
    assert looks["i"][1] is True
    assert looks["s"][2] is True
    assert looks["c"][3] == "CodeCharacter"
    assert looks["bi"][:2] == (True, True)
    assert styled(document)[-1] == ("Quote", "cité")


def test_lists_are_lists_and_each_ordered_one_begins_anew() -> None:
    document = opened(
        answered("3. trois\n4. quatre\n   - dedans\n     1. plus\n\ntexte\n\n1. un"),
        answered("- a\n- b", number=3),
    )
    items = [each for each in document.paragraphs if each.style.name == "List Paragraph"]
    places = {
        each.text: (properties.numId.val, properties.ilvl.val)
        for each in items
        if (properties := each._p.pPr.numPr) is not None  # noqa: SLF001 - likewise
    }
    assert places["trois"] == places["quatre"]
    assert places["trois"][0] != places["un"][0]
    assert places["a"] == places["b"]
    assert [places[each][1] for each in ("trois", "dedans", "plus", "un")] == [0, 1, 2, 0]
    numbering = document.part.numbering_part.element.xml
    assert 'w:startOverride w:val="3"' in numbering


def test_tables() -> None:
    document = opened(answered("| A | **B** |\n|:-:|--:|\n| 1 | [l](https://a.example) |"))
    (table,) = document.tables
    assert [[cell.text for cell in row.cells] for row in table.rows] == [["A", "B"], ["1", "l"]]
    assert "w:tblHeader" in table.rows[0]._tr.xml  # noqa: SLF001 - likewise
    assert "w:tblHeader" not in table.rows[1]._tr.xml  # noqa: SLF001 - likewise


def test_a_table_wider_than_word_opens_is_text() -> None:
    def wide(columns: int) -> str:
        return "\n".join("|" + f" {cell} |" * columns for cell in ("a", "-", "b"))

    assert len(opened(answered(wide(63))).tables) == 1
    document = opened(answered(wide(64)))
    assert document.tables == []
    assert styled(document)[-1][1].count("b") == 64


def test_code_keeps_its_lines() -> None:
    source = "def f():\n\treturn  '<&>'\n\n# fin"
    document = opened(answered(f"```python\n{source}\n```"))
    assert styled(document)[-1] == ("Code", source)
    assert any(run.font.color.rgb is not None for run in document.paragraphs[-1].runs)


def test_links_lead_to_the_web_and_to_mail_only() -> None:
    document = opened(
        answered(
            "[a](https://a.example/?b=1&c=2) [b](javascript:alert(1)) [c](file:///etc/passwd) "
            "<mailto:x@a.example> ![i](http://a.example/i.png) [a](https://a.example/?b=1&c=2)"
        )
    )
    assert links(document) == [
        ("a", "https://a.example/?b=1&c=2"),
        ("mailto:x@a.example", "mailto:x@a.example"),
        ("[i]", "http://a.example/i.png"),
        ("a", "https://a.example/?b=1&c=2"),
    ]
    assert "[b](javascript:alert(1))" in styled(document)[-1][1]


@pytest.mark.parametrize(
    "target", ["http://[::1", "https://", "https://x:99999/", "https://a.example/" + "x" * 2000]
)
def test_a_target_that_word_calls_damage_stays_text(target: str) -> None:
    document = opened(answered(f"[l]({target})"))
    assert links(document) == []
    assert "l" in styled(document)[-1][1]


def test_right_to_left_paragraphs_say_so() -> None:
    document = opened(answered("مرحبا abc\n\nabc مرحبا"), title="שלום")
    arabic, latin = document.paragraphs[-2:]
    for paragraph, expected in ((arabic, True), (latin, False), (document.paragraphs[0], True)):
        assert ("<w:bidi/>" in paragraph._p.xml) is expected  # noqa: SLF001 - likewise


@pytest.mark.parametrize(
    "hostile",
    [
        "</w:t></w:r></w:p><w:p>",
        "a\x00b\x1b\ud800\u202e\u2028\ufffe\uffff\U0001ffff",
        "<script>&amp;",
        "> " * 100 + "x",
        "- " * 30 + "x",
        "```x\n]]>\n",
    ],
)
def test_hostile_text_stays_text(hostile: str) -> None:
    document = opened(
        asked("avant"), answered(hostile, hostile), asked("après"),
        title=hostile, tags=(hostile,), folder=hostile,
    )  # fmt: skip
    texts = [text for _, text in styled(document)]
    assert texts.count("avant") == texts.count("après") == 1


def test_is_a_package_whose_kind_stands_first() -> None:
    with zipfile.ZipFile(io.BytesIO(file_of(asked("a")))) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
    assert names[0] == "[Content_Types].xml"
    assert len(names) == len(set(names))


def test_memory_does_not_grow() -> None:
    def many() -> Iterator[Message]:
        for number in range(300):
            yield asked(f"{number}" * 15_000, number)

    class Nowhere(io.BytesIO):
        def write(self, data: Any) -> int:
            return len(data)

    file_of(asked("x"))  # what is loaded once
    tracemalloc.start()
    docx_document.render(conversation(), many(), Words(), Nowhere())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 6_000_000, "of 12 MB of text"
