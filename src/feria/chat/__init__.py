"""Conversations: shoppers with the shop and with each other."""
