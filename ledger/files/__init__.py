"""Attachments: what a file is, where its bytes lie, how it is handed out."""
