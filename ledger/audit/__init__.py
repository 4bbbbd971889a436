"""The auditor's pages: read-only."""
