"""One module a layout: how its files become the canonical tables."""
