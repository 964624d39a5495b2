"""Ratings from elsewhere into the log: files that grow, pipes, Kafka topics."""
