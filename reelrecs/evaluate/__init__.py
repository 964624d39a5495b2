"""How good the lists are: splits, baselines, metrics and honest comparison.

The rules: full ranking over every unseen movie, ties against the system, values per user kept.
"""
