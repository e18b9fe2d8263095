"""What can be asked of any unit: assignment, events, moments, analysis, decision. Knows nothing of copy."""
