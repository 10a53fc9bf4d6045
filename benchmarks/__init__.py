"""The engine's speed beside PyTorch's: the same work on both, interleaved in one process."""
