"""What is remembered of starts: what was made, when each service was ready, how long it took."""
