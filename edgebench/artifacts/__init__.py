"""Model files: what they are, what they hold, what they need."""
