"""What was used: which events are taken, how they are booked, corrected, imported and summed."""
