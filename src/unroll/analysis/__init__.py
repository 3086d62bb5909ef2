"""What records say together: records come in, tables, comparisons and answers to hypotheses go out."""
