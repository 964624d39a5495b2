"""The stages of the product over a store: sources, filters, features, re-rankers."""
