"""Both sides of a comparison: our function and a peer's, each in a process of its own, measured in the same way."""
