"""Connected accounts: consent, confirmation, tokens, states, validation, disconnection."""
