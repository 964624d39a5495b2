"""Other people's files and tables: columns recognised, values converted."""
