"""What answers browsers and programs: the page over HTTP, and no room but this one knows HTTP."""
