"""What can be learned and generated: briefs, channels, models, their training and their registry."""
