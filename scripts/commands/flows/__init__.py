"""What several rooms do together for one command, without a command line: they can be called."""
