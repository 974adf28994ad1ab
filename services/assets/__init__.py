"""What a customer runs: counted by hand, by program or by asking its own system."""
