"""What a docx file is made of: markup, blocks, numbering and links, and the package around them."""
