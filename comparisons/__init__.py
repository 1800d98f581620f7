"""The experiment: what is compared, and what is held equal while comparing."""
