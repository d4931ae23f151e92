"""The page: one file of HTML that stands by itself, and is written piece by piece."""
