"""A small embeddings server: all-MiniLM-L6-v2 behind the OpenAI embeddings call."""
