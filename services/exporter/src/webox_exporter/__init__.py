"""Export jobs and the document worker."""
