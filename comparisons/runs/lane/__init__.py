"""ONE LANE: how it reads, what is kept of it, what it answers. For `comparisons.runs` alone; begin with `lane`."""
