"""The rotation state machine for database credentials."""
