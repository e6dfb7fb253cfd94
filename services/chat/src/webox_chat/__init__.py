"""Conversations, messages and replies; the provider worker."""
