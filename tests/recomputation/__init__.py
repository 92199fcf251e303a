"""The derived marts, computed a second time, in Python, from raw tables and seeds.

    raw tables after each load ──┬─> ledger, listings ──┬─> books ──> one module per mart
    seeds ───────────────────────┴─> line_items, teams ─┘

It follows the documentation of the marts and shares no code with the project: it reads neither the
SQL of a model nor its rows. Each function that has the name of a mart takes the books and returns
that mart's rows as dictionaries. Amounts are decimals; ratios and estimates are floats.
"""
