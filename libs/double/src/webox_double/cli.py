"""`webox-provider-double`: the double as a program."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

import orjson

from webox_double.server import running_double


def main(arguments: list[str] | None = None) -> None:
    """Serves until SIGTERM or SIGINT; one JSON line says host, port and url when it listens."""
    options = _parser().parse_args(arguments)
    try:
        asyncio.run(_serve(options.host, options.port, options.port_file))
    except OSError as error:
        sys.exit(f"webox-provider-double: cannot listen on {options.host}:{options.port}: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="webox-provider-double",
        description="A provider that speaks the OpenAI and Anthropic protocols.",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--port-file", type=Path, help="written with the port when it listens")
    return parser


async def _serve(host: str, port: int, port_file: Path | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with running_double(host, port) as double:
        if port_file is not None:
            _write_whole(port_file, str(double.port))
        line = orjson.dumps({"host": host, "port": double.port, "url": double.url})
        sys.stdout.write(line.decode() + "\n")
        sys.stdout.flush()
        await stop.wait()


def _write_whole(path: Path, text: str) -> None:
    """A reader sees the whole content or no file."""
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    part.replace(path)
