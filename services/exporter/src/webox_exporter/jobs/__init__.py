"""Jobs as the document worker has them: claimed under a lease, rendered, brought to an end."""
