"""The demo shop: its data (TOML files written for this repository), loading them, and playing whole campaigns."""
