"""The index of titles and messages: one interface, two engines."""
