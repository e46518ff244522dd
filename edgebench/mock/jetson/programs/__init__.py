"""The vendor's programs on a simulated board, as they answer there; run in the board's own process."""
