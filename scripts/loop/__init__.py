"""The inner loop of a contributor: an edit, the answer to it, a debugger, a test."""
