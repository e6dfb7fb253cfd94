"""Read models made from events: stats, projects, activity, notifications."""
