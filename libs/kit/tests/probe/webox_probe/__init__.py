"""A tiny service on the kit, for the kit's own tests."""
