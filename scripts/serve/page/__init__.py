"""The live page: its server on this machine's own address, and what it lets in."""
