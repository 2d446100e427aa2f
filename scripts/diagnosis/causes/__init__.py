"""Known causes, by what programs, the engine and registries say: one function a cause."""
