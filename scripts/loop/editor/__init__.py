"""What editors are told of the stack: read, merged into the user's own files, written."""
