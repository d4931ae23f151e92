"""The watch: events about secrets become messages to people. It reads no value of a secret, and changes none."""
