"""Services: a question in, an answer and wanted writes out. No gRPC context, no clock."""
