"""Channels, categories, outcomes and reason codes: the ledger's words that are data."""
