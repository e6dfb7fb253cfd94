"""What the dashboard says to people, in French and English."""
