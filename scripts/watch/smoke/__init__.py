"""The job, tried as a user does it: memories in, found by their meaning, and out again."""
