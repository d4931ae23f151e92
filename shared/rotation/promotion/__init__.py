"""
A replica becomes a secret of its own, which is rotated in its Region: disaster recovery, and the way back.

``promoting`` has the steps, each of which looks whether it is done before it does it. ``returning`` makes the secret of
another Region a replica of this one. ``choice`` says which credential is promoted, ``request`` reads the event.
"""
