"""Tables for people: in the terminal, and as plain data for scripts."""
