"""The places where secrets are kept."""
