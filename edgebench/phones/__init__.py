"""What Android says of itself, read: pure parsers of its commands' output, and the list of commands we send."""
