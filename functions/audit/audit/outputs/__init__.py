"""What the audit gives: a report in JSON, a page, a summary, metrics, and findings as other tools take them."""
