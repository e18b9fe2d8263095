"""The whole platform at once: a browser through the loop, and kills in the middle of it."""
