"""Documents: a conversation in, a file in one of the formats out.

Nothing here knows of jobs, databases or the network. A renderer takes a header and an
iterator of messages, and writes to a binary stream as the messages come.
"""
