"""What hub and partners must compute alike: tokens, canonical bytes, columns, fold, proofs."""
