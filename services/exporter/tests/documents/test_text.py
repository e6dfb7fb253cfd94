from webox_exporter.documents import text

from .conftest import answered, asked, written


def test_reads_like_a_letter() -> None:
    document = written(
        text.render, asked("Question ?"), answered("Réponse **une**\n\n- a", demo=True)
    )
    assert document == (
        "Discussion marketing\n"
        f"{'=' * 72}\n"
        "Dossier\u00a0: Général\n"
        "Étiquettes\u00a0: marketing, stratégie\n"
        "Créée le\u00a0: 24 novembre 2025 à 12:00 UTC\n"
        "Modifiée le\u00a0: 24 novembre 2025 à 12:00 UTC\n"
        "Messages\u00a0: 2\n"
        "\n"
        "[Vous] 24 novembre 2025 à 12:00 UTC\n"
        "\n"
        "Question ?\n"
        "\n"
        f"{'-' * 72}\n"
        "\n"
        "[GPT-4] gpt-4-turbo · 24 novembre 2025 à 12:00 UTC · démonstration\n"
        "\n"
        "Réponse **une**\n"
        "\n"
        "- a\n"
        "\n"
        f"{'-' * 72}\n"
    )


def test_every_script_stays_as_it_is() -> None:
    source = "日本語 שלום العربية हिन्दी ไทย 한국어 👨‍👩‍👧 e\u0301"
    assert source in written(text.render, asked(source), title=source)


def test_a_terminal_obeys_nothing() -> None:
    document = written(text.render, asked("a\x1b]0;x\x07\x00\x08b\rc\ud800"), title="t\x1b[2J")
    assert "a␛]0;x␇␀␈b\nc\ufffd" in document
    assert document.startswith("t␛[2J\n")
    assert not any(ord(char) < 0x20 and char != "\n" for char in document)


def test_no_title_at_all() -> None:
    assert written(text.render, title=" \n ").startswith("Sans titre\n")
    assert written(text.render, title="", language="en").startswith("Untitled\n")
