"""A bundle: images, wheels and the engine's packages as one file, made here and used elsewhere."""
