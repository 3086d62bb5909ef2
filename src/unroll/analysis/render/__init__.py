"""Pages: a grid of cells comes in, Markdown, LaTeX, CSV or text for a terminal goes out."""
