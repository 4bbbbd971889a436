"""The bench: a city's ledger of any size, the limit of the machine, and how near the pages come."""
