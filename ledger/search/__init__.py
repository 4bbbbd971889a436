"""Words to tokens, and the index of appeals by them."""
