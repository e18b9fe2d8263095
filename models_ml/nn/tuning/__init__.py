"""Fine-tuning any causal or encoder model: a plan in, a loadable and hashed model folder out."""
