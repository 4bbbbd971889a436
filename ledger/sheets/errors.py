"""What stops a whole file."""


class SheetError(ValueError):
    """The file cannot be read as a table. The message is Chinese and says what to do."""
