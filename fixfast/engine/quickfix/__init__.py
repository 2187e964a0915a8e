"""The settings files of QuickFIX, read as they are."""
