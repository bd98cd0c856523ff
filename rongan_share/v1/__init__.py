"""Messages and stubs of the wire, written by ``make gen``; only this file is written by hand."""
