"""Following what goes on: the page, and what programs ask."""
