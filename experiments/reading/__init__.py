"""Reading moments: the settings, the method of each design, one metric at a time, guardrails, returns. Pure."""
