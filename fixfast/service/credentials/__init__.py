"""API keys of front ends: what they look like, how they are kept, who may do what. See docs/launcher.md."""
