"""The formats there are.

Adding one is a line here and a module with a `render`; the API's texts name them, too.
"""

from dataclasses import dataclass
from importlib import import_module

from webox_exporter.documents.model import Renderer


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of document: what it is called, and served as.

    `deflates`: whether a ZIP gains by compressing it. `whole`: whether it holds failed and
    superseded replies as well, and not only what one reads. `warm`: whether workers load it when
    they start, since it is asked for often or takes little.
    """

    name: str
    media_type: str
    module: str
    deflates: bool = True
    whole: bool = False
    warm: bool = True

    def renderer(self) -> Renderer:
        """The function that writes it, imported now: the HTTP process never needs it."""
        render: Renderer = import_module(f"webox_exporter.documents.{self.module}").render
        return render


FORMATS = {
    known.name: known
    for known in (
        Format("pdf", "application/pdf", "pdf", deflates=False),
        Format("md", "text/markdown; charset=utf-8", "markdown"),
        Format("txt", "text/plain; charset=utf-8", "text"),
        Format("json", "application/json", "json_document", whole=True),
        Format("html", "text/html; charset=utf-8", "html_document"),
        Format(
            "docx",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "docx_document",
            deflates=False,
            warm=False,
        ),
    )
}
ZIP_MEDIA_TYPE = "application/zip"
