"""Configuration: files become Settings, Settings become files, sessions and servers."""
