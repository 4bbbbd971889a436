"""The trail: what happened, in ink. A verb appends its entry and changes the rows in one act."""
