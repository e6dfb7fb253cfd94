"""A whole Webox for tests and benchmarks: started as a user starts it, spoken to over HTTP."""

from webox_stack.checker import Checker
from webox_stack.double import DoubleProgram, running_double_program
from webox_stack.operating import webox_command
from webox_stack.providers import PROVIDER_KEY, PROVIDERS, write_registry
from webox_stack.shapes import A_MOMENT, AN_ID, Shape, picked
from webox_stack.stack import Stack, running_stack
from webox_stack.user import User, opened, registered, signed_in
from webox_stack.waiting import eventually
from webox_stack.watching import Event, Watching

__all__ = [
    "AN_ID",
    "A_MOMENT",
    "PROVIDERS",
    "PROVIDER_KEY",
    "Checker",
    "DoubleProgram",
    "Event",
    "Shape",
    "Stack",
    "User",
    "Watching",
    "eventually",
    "opened",
    "picked",
    "registered",
    "running_double_program",
    "running_stack",
    "signed_in",
    "webox_command",
    "write_registry",
]
