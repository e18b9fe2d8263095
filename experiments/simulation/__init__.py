"""Shoppers whose true behaviour is known in closed form: a pure model, and a player that sends them over HTTP."""
