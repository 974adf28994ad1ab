"""Subscriptions: started, changed, paused, ended; what is offered, asked first and scheduled."""
