"""What several modules refuse in the same words, PyTorch's; types a caller can catch are Python's own, as PyTorch's are."""

COMPLEX_OF_REAL = (
    "Expected isFloatingType(grad.scalar_type()) || (input_is_complex == grad_is_complex) to be true, but got false.  "
    "(Could this error message be improved?  If so, please report an enhancement request to PyTorch.)"
)
