class CannotStartError(Exception):
    """Something Webox needs on this machine is missing or refuses; the message is one sentence."""
