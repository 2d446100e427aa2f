"""`inv mcp`: our tasks as tools of the Model Context Protocol, for programs that ask themselves."""
