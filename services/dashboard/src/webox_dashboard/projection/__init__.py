"""From events to rows: what the dashboard knows."""
