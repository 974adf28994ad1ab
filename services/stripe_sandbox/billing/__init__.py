"""How subscriptions, invoices and payments behave. A module may list due work in `WORKS` and fields in `INCLUDABLE`."""
