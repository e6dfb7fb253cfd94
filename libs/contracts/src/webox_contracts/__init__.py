"""What Webox services say to each other: event types and identity claims."""
