"""
The credential inside a secret: its JSON, and the rules by which a new password is made.

``secret_format`` is an interface: what secrets of AWS's rotation functions hold is read as they read it.
"""
