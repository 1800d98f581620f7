"""What people take along, each made here and tried in a fresh environment: `python -m tests.fresh --help`."""
