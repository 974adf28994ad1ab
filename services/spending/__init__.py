"""The customer's own cap on what use beyond its allowance may cost, and the alerts it asked for."""
