"""Starts and watches the whole of Webox on this machine."""
