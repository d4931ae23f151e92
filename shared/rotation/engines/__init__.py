"""The kinds of database servers."""
