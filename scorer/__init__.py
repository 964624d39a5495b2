"""Scoring: a model, and the hosts that ask it, in this process or over gRPC."""
