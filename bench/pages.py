"""`python -m bench.pages FOLDER`: PDFs to look at after a change, and their pages as pictures.

Comparisons of two, three and four providers, every script, 300 lines of code, a table of 40 rows,
hostile text, and a conversation long enough for contents. Pictures need poppler's `pdftoppm`.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from bench.conversation_text import BEGUN, header, messages
from webox_exporter.documents import pdf
from webox_exporter.documents.model import Message
from webox_exporter.documents.typeset.scripts import SAMPLES
from webox_exporter.documents.words import Words

_PROVIDERS = (
    ("GPT-4", "gpt-4-turbo"),
    ("Claude", "claude-3-opus"),
    ("Mistral", "mistral-large"),
    ("Gemini", "gemini-1.5-pro"),
)
_ANSWER = """## Deux variables suffisent

La **suite de Fibonacci** se calcule en temps *linéaire* ; `fib(10)` vaut 55, dit [cette
page](https://example.org/fibonacci). La formule $F_n = F_{n-1} + F_{n-2}$ reste telle quelle.

1. On part de 0 et de 1.
   - Les deux premiers termes sont connus.
   - Chaque terme suivant est la somme des deux précédents, ce qui va jusqu'à la ligne suivante.
2. On avance d'un pas.

> Tout ce qui est simple est faux,
> tout ce qui ne l'est pas est inutilisable.

- [x] écrire la fonction
- [ ] la vérifier

| n | F(n) | parité |
|--:|--:|:-:|
| 1 | 1 | impair |
| 2 | 1 | impair |
| 3 | 2 | pair |

```python
def fibonacci(n: int) -> int:
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a
```
"""
_MIXED = (
    "Mêlés : Été Привет αβγ नमस्ते สวัสดี 漢字 かな 한글 🚀 ┌─┐ → fin",
    "Dans une phrase : مرحبا بكم et שלום עולם, puis du français.",
    "مرحبا بكم في Webox، هذا نص (عربي) مع كلمات English و أرقام 2025.",
    "- قائمة\n- ثانية",
    "**Gras : Привет नमस्ते 漢字 한글 مرحبا**",
    "Sans police : \ue0ff, retourné : abc\u202edef",
)
_HOSTILE = (
    "<b>pas gras</b> <img src=/etc/passwd> <script>x()</script> &amp; [x](javascript:alert(1))",
    "\x00 \x1b[31m rouge \x7f \u202eexe.fdp\u202c",
    "e" + "\u0301\u0323" * 12 + " Z\u0335\u0337algo",
    "x" * 300,
)


def asked(text: str) -> Message:
    return Message(1, "user", text, BEGUN)


def answers(texts: Sequence[str]) -> Iterator[Message]:
    for number, (text, (provider, model)) in enumerate(zip(texts, _PROVIDERS, strict=False)):
        yield Message(
            number + 2,
            "assistant",
            text,
            BEGUN,
            provider=provider,
            model=model,
            parent_id=1,
            total_ms=1800 + 700 * number,
            input_tokens=412,
            output_tokens=890 - 50 * number,
            cost=Decimal("0.0043") * (number + 1),
        )


def documents() -> Iterator[tuple[str, str, list[Message]]]:
    """The name of each, its title, and what is in it."""
    question = asked("Comment calculer la suite de **Fibonacci** ?")
    longer = _ANSWER + "\n\n" + "Et encore un paragraphe, pour que les colonnes diffèrent. " * 12
    yield "two", "Deux réponses côte à côte", [question, *answers([_ANSWER, longer])]
    prose = ["\n\n".join(["Une phrase de plus, et une autre. " * 12] * n) for n in (4, 7, 9)]
    yield "three", "Trois réponses qui débordent", [question, *answers(prose)]
    yield "four", "Quatre fournisseurs comparés", [question, *answers([_ANSWER] * 4)]
    lines = "\n".join(f"    valeur_{n} = calcul({n}, pair={n % 2 == 0})" for n in range(299))
    code = f"```python\ndef tout() -> None:\n{lines}\n```"
    yield "code", "Trois cents lignes", [asked("Du code ?"), *answers([code])]
    rows = "\n".join(
        f"|Pays {n}|Capitale {n}|{n * 12345}|{'une remarque ' * (n % 5 + 1)}|" for n in range(40)
    )
    table = f"|Pays|Capitale|Habitants|Remarque|\n|--|--|--:|:-:|\n{rows}"
    yield "table", "Quarante rangs", [asked("Un tableau ?"), *answers([table])]
    scripts = "\n\n".join([f"**{name}** {text}" for name, text in SAMPLES.items()] + list(_MIXED))
    yield "scripts", "Toutes les écritures", [asked("Chaque écriture ?"), *answers([scripts])]
    yield (
        "hostile",
        "<b>Hostile</b> \u202e",
        [asked(_HOSTILE[0]), *answers(["\n\n".join(_HOSTILE)])],
    )
    yield "long", "Une longue conversation", list(messages(120))


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, title, found in documents():
        file = folder / f"{name}.pdf"
        with file.open("wb") as out:
            pdf.render(replace(header(len(found)), title=title), found, Words(), out)
        if shutil.which("pdftoppm"):
            subprocess.run(["pdftoppm", "-r", "80", "-png", file, folder / name], check=True)
        print(file)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
