"""The framework: what travels between stages, what a stage is, the one loop. Knows arrays only."""
