"""A provider that speaks the OpenAI and Anthropic wire protocols, for the demo and the tests."""

from webox_double.answers import answer_text, token_count
from webox_double.calls import Call
from webox_double.server import Double, running_double

__all__ = ["Call", "Double", "answer_text", "running_double", "token_count"]
