"""The Launcher: lets front ends in, and keeps a Backend running for each session. See docs/launcher.md."""
