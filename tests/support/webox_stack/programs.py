"""The installed commands, and what speaking to them over HTTP takes."""

import ssl
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[3]
# Nothing here speaks TLS, and loading the system's certificates for each client takes 20 ms.
PLAIN_HTTP = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def program(name: str) -> str:
    """The path of a command of the environment that runs this."""
    return str(Path(sys.executable).parent / name)
