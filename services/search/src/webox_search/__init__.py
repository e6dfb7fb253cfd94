"""The index of titles and messages, and queries over it."""
