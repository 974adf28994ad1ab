"""Collecting through the payment provider: what it tells us, what we owe it, and whether both say the same.

`inbox` keeps what is delivered, `outbox` what we owe. `subjects` and `readings` are what is looked at anew before
anything is done; `customers`, `subscriptions`, `checkouts`, `invoices` and `returns` put a reading into our books.
`collecting` decides what is owed for an invoice and `calls` makes the calls. `dunning` is what follows a failed
payment, and `reconciliation` compares. Only `readings` and `calls` use the network, and never in a transaction.
"""
