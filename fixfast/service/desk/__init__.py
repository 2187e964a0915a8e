"""The desk: a front end in the browser. See docs/desk.md."""
