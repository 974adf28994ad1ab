"""Durable workflows by DBOS Transact: the only file that knows it. What runs is given to it, and what ran is answered.

A run is a workflow whose steps are our own transactions. Its state is kept beside the business's tables and holds
nothing that cannot be found anew: on SQLite in a file of its own (`tallystick.db` → `tallystick.jobs.db`), so that
neither waits for the other's lock, on PostgreSQL in the schema `jobs` of the same database. It is plain JSON, never
pickled objects. Nothing here reaches the network but the database: no conductor, no telemetry.
"""
