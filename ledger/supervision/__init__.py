"""Supervision: urging by word, numbered papers and their replies, and the sweep that reminds.

What a person does is an act on the appeal: it goes through `act()`, stands in the appeal's trail,
and its rows (`supervision_urge`, `supervision_paper`) are replayed by `ledger verify` like the
rest. What the clock does is no entry: a limit that comes near or has passed makes a row of
`reminder` and an outbox row (topic "reminder") in one commit, and so does a step that the rules
suggest (拟稿 of a 催办通知书 or 督办单). A draft has no number and no text of its own: it becomes a
paper when a person issues it, or is discarded by an entry that says why. Deemed receipt, which
changes an assignment, is an act of the system.
"""
