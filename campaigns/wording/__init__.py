"""What was decided or found, said in the reader's language."""
