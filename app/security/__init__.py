"""Who may ask for what: host names, tokens, read-only instances, and what browsers are told to refuse."""
