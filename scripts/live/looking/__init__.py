"""How a stack is looked at while somebody follows: calmly, and at once when something happens."""
