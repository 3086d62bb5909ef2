"""Results: records come in, statistics and tables go out. Pure functions of records; imports no torch.

In: `record.json` files, one a trial (`record.read_record`, `store.read_records`).
Out: data frames (`store.frame`), means and intervals (`statistics`), grouped rows (`tables`), rows compared in pairs
by the scores of their test examples (`comparisons`), answers to claims (`claims`), and Rich tables and Markdown
reports (`report`).
"""
