"""The mathematics: Lurie networks, their nonlinearities, and how circuits compose into one network."""
