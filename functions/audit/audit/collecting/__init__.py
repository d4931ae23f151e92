"""Reads what the rules judge: each thing once, page by page, within the budgets."""
