"""The audit log: one entry for every answer, refusal and act, in a hash tree (RFC 6962)."""
