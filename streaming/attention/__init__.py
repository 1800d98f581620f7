"""HOW A MODEL ATTENDS: to the sinks and its own recent tokens, whatever its family; begin with `readings`."""
