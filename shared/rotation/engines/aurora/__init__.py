"""
Amazon Aurora: both editions, and clusters whose writer moves.

``engine`` says what an edition's server understands (what MySQL or PostgreSQL does), ``following`` wraps any engine
whose servers are a cluster, ``writers`` finds the one that takes changes. Nothing is imported here: the other
functions use ``following`` without Aurora's two drivers.
"""
