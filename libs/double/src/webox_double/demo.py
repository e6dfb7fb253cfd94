"""The demonstration answers: honest, short, in the question's language."""

import re

DEMO_MODELS = ("demo-a", "demo-b")
QUOTED_CHARACTERS = 300

_COMMON_FRENCH = """
à au aux avec bonjour ce cela ces cette comment dans de des donne du écris elle en est et explique
fais il ils je la le les leur ma mais me merci mes moi mon ne nous où ou par pas peux plus pour
pourquoi quand que quel quelle quels qui quoi résume sa salut se ses son sont sur ton traduis tu un
une vous vos votre
"""
_COMMON_ENGLISH = """
a an and are as at be by can do does explain for from give hello hi how i in is it me my of on or
please should so summarize tell thanks that the their then there these this to translate was we
what when where which who why will with would write you your
"""
_FRENCH_WORDS = frozenset(_COMMON_FRENCH.split())
_ENGLISH_WORDS = frozenset(_COMMON_ENGLISH.split())
_FRENCH_LETTERS = re.compile("[àâçéèêëîïôùûœ]")

_SETUP_FR = (
    "Pour parler à un vrai modèle, donnez à Webox la clé d'un fournisseur, par exemple "
    "`OPENAI_API_KEY` ou `ANTHROPIC_API_KEY`, et redémarrez-le ; ou lancez Ollama sur cette "
    "machine, que Webox trouve de lui-même. La marche à suivre est dans `docs/providers.md`."
)
_SETUP_EN = (
    "To talk to a real model, give Webox a provider's key, for example `OPENAI_API_KEY` or "
    "`ANTHROPIC_API_KEY`, and restart it; or start Ollama on this machine, which Webox finds by "
    "itself. `docs/providers.md` says how."
)
_TEMPLATES = {
    ("demo-a", "fr"): (
        "**Ceci est une réponse de démonstration** : aucun modèle d'IA n'a lu votre message.\n\n"
        "Vous avez demandé :\n\n> {quoted}\n\n"
        "Ici, un vrai modèle vous répondrait. " + _SETUP_FR
    ),
    ("demo-a", "en"): (
        "**This is a demonstration answer**: no AI model has read your message.\n\n"
        "You asked:\n\n> {quoted}\n\n"
        "A real model would answer you here. " + _SETUP_EN
    ),
    ("demo-b", "fr"): (
        "Bonjour, ici *Demo B*. Je ne suis pas une IA : **cette réponse est une démonstration**, "
        "envoyée mot à mot pour montrer comment deux fournisseurs répondent côte à côte.\n\n"
        "- votre question : « {quoted} »\n"
        "- ma réponse : je n'en ai pas, un vrai modèle en aurait une.\n\n" + _SETUP_FR
    ),
    ("demo-b", "en"): (
        "Hello, this is *Demo B*. I am not an AI: **this answer is a demonstration**, sent word by "
        "word to show how two providers answer side by side.\n\n"
        '- your question: "{quoted}"\n'
        "- my answer: I have none, a real model would.\n\n" + _SETUP_EN
    ),
}


def demo_answer(model: str, question: str) -> list[str]:
    """A few sentences of markdown, in pieces of one word with the space before it."""
    template = _TEMPLATES[(model, language_of(question))]
    text = template.format(quoted=_one_line(question))
    return re.findall(r"\s*\S+", text)


def language_of(question: str) -> str:
    """`fr` or `en`, by the commonest short words; French when nothing tells, as in all of Webox."""
    words = re.findall(r"[^\W\d_]+", question.lower())
    french = sum(word in _FRENCH_WORDS for word in words)
    french += bool(_FRENCH_LETTERS.search(question.lower()))
    english = sum(word in _ENGLISH_WORDS for word in words)
    return "en" if english > french else "fr"


def _one_line(question: str) -> str:
    line = " ".join(question.split())
    return line if len(line) <= QUOTED_CHARACTERS else line[: QUOTED_CHARACTERS - 1] + "…"
