class CommandError(Exception):
    """A command cannot do what it was asked for; the message is one sentence that says why."""


class CannotStartError(CommandError):
    """Something Webox needs on this machine is missing or refuses."""


class BackupError(CommandError):
    """A backup cannot be made, read or restored."""
