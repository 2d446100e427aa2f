"""The inner loop of a contributor to MemOS, on one stack for all of it."""
