"""The systems around a session: Backend, Launcher, the IPC between them and front ends, its client, the desk."""
