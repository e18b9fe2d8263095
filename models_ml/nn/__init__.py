"""Everything that needs torch, and the pure pieces below it: grammar, tokenizer, training, generation. No Django."""
