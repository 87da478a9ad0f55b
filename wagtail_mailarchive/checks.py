"""System checks; filled in beside the settings they watch."""
