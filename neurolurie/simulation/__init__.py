"""From a problem to trajectories: solvers, inputs, noise, and the backends that run them."""
