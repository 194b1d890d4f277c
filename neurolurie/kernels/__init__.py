"""Generated kernels: a network's sizes, structure, nonlinearities and solver become one compiled time loop."""
