"""The outside vendors, one folder each. Nothing outside this package asks which vendor it is."""
