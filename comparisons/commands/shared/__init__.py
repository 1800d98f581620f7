"""WHAT COMMANDS SHARE: arguments, signals, the terminal. For `comparisons.commands` alone; begin with `arguments`."""
