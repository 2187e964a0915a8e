"""Messages as dicts and JSON, and back."""
