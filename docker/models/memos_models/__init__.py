"""A small embeddings server: one of two local models behind the OpenAI embeddings call."""
