"""Setting a conversation on pages with reportlab: fonts, inline text, blocks, page furniture."""
