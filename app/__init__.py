"""What people and programs touch: pages, the HTTP API and the command line."""
