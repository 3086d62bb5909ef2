"""Published tables: reported numbers come in, our trials and verdicts stand beside them."""
