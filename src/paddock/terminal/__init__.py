"""Furniture of the terminal door: connection, output, questions, progress. Knows nothing of Paddock's inside."""
