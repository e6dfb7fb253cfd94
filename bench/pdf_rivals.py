"""The same conversation as a PDF by fpdf2 and by typst, from the same Markdown tokens."""

import io
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from markdown_it.tree import SyntaxTreeNode

from webox_exporter.documents.model import Message
from webox_exporter.documents.parsing import parse

Renderer = Callable[[io.BytesIO], None]


def _blocks(text: str) -> Iterator[tuple[str, str, SyntaxTreeNode]]:
    """What a message has: kind of block, its Markdown or code, and the node."""
    for node in SyntaxTreeNode(parse(text) or []).children:
        content = node.content if node.type == "fence" else ""
        inline = next((each.content for each in node.walk() if each.type == "inline"), "")
        yield node.type, content or inline, node


def _inlines(node: SyntaxTreeNode) -> list[str]:
    return [each.content for each in node.walk() if each.type == "inline"]


def fpdf2(made: list[Message]) -> Renderer:  # noqa: C901 - one closure, a case a kind of block
    """With multi_cell and its own Markdown, which knows bold and italic."""
    from fpdf import FPDF  # noqa: PLC0415 - no dependency of Webox
    from pymupdf_fonts import CascadiaMono_Regular, NotoSans_Bold, NotoSans_Italic, NotoSans_Regular  # noqa: PLC0415

    folder = tempfile.TemporaryDirectory()
    pdf = FPDF()
    faces = (("Sans", "", NotoSans_Regular), ("Sans", "B", NotoSans_Bold),
             ("Sans", "I", NotoSans_Italic), ("Mono", "", CascadiaMono_Regular))  # fmt: skip
    for number, (family, style, module) in enumerate(faces):
        path = Path(folder.name) / f"{number}.ttf"
        path.write_bytes(module.fontbuffer)
        pdf.add_font(family, style, path)

    def write(text: str, family: str = "Sans", style: str = "", size: float = 10) -> None:
        pdf.set_font(family, style, size)
        pdf.multi_cell(
            0, size * 0.5, text, markdown=family == "Sans", new_x="LMARGIN", new_y="NEXT"
        )

    def block(kind: str, text: str, node: SyntaxTreeNode) -> None:
        if kind == "fence":
            write(text, "Mono", size=8)
        elif kind == "heading":
            write(text.replace("**", ""), style="B", size=13)
        elif kind == "bullet_list":
            for item in _inlines(node):
                write("• " + item.replace("`", ""))
        elif kind == "table":
            pdf.set_font("Sans", "", 9)
            with pdf.table() as table:
                cells = _inlines(node)
                for at in range(0, len(cells), 3):
                    table.row(cells[at : at + 3])
        else:
            write(text.replace("`", ""))

    def render(out: io.BytesIO) -> None:
        pdf.add_page()
        for message in made:
            write(f"{message.provider or 'Vous'} {message.created_at}", style="B", size=9)
            for kind, text, node in _blocks(message.content):
                block(kind, text, node)
        out.write(pdf.output())

    return render


def typst(made: list[Message]) -> Renderer:
    """As its own markup, compiled by its library."""
    import typst as library  # noqa: PLC0415 - no dependency of Webox

    def plain(text: str) -> str:
        for char in "\\#$@<>[]~":
            text = text.replace(char, "\\" + char)
        return text.replace("**", "\0").replace("*", "_").replace("\0", "*")

    def block(kind: str, text: str, node: SyntaxTreeNode) -> str:
        if kind == "fence":
            return f"```{node.info}\n{text}```"
        if kind == "heading":
            return "=" * int(node.tag[1]) + " " + plain(text)
        if kind == "bullet_list":
            return "\n".join(f"- {plain(item)}" for item in _inlines(node))
        if kind == "table":
            cells = ", ".join(f"[{plain(cell)}]" for cell in _inlines(node))
            return f"#table(columns: 3, {cells})"
        return plain(text)

    def render(out: io.BytesIO) -> None:
        parts = ['#set page(paper: "a4", numbering: "1 / 1")\n#set text(size: 10pt)']
        for message in made:
            parts.append(f"*{message.provider or 'Vous'}* {message.created_at:%d %m %Y}")
            parts += [block(*found) for found in _blocks(message.content)]
        with tempfile.TemporaryDirectory() as name:
            source = Path(name) / "conversation.typ"
            source.write_text("\n\n".join(parts))
            out.write(library.compile(str(source)))

    return render


RENDERERS: dict[str, Callable[[list[Message]], Renderer]] = {"fpdf2": fpdf2, "typst": typst}
