"""Triton kernels for CUDA from the same descriptions as the C++ ones: one trial in each thread."""
