"""Numbers from trajectories: overlaps, settling, intervals, oscillations, equilibria."""
