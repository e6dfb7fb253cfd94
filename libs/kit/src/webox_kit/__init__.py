"""What every Webox service needs, with no business word in it."""
