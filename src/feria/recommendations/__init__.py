"""What a shopper may like next, and what is bought together: from events that never leave this node."""
