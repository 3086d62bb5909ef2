"""Results: records come in, statistics and tables go out. Pure functions of records; imports no torch.

In: `record.json` files, one a trial (`record.read_record`, `store.read_records`).
Out: data frames (`store.frame`), means and intervals (`statistics`), grouped rows (`tables`), rows compared in pairs
by the scores of their test examples (`comparisons`), networks across problems (`across`: `ranks`, `improvement`),
answers to claims (`claims`). What is shown of them are grids (`cells`) in sections (`page`), written as Markdown, LaTeX
or CSV or printed by Rich (`report`). `generated` makes the committed pages, and says which are not what records give.
All that is known of one trial is `show`.
"""
