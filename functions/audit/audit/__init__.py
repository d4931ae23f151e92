"""The audit: every secret of an account held against good practice. It reads, and writes only its own report."""
