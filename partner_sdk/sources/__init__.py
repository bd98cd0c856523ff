"""Where contributions come from: files of known forms, read into rows of text."""
