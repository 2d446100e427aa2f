"""One of two embedding models, and a reader stand-in, behind OpenAI's embeddings and chat calls."""
