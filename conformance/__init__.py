"""The conformance suite: every claim is "the engine did what PyTorch did on the same input"."""
