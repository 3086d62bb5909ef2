"""One HTML file of a report. In: tables, and what the other formats say of them; out: the file's text.

`content` gathers plain data, as `problems`, `headline`, `trials`, `examples` and `figures` give it, all of it from
tables and from the cells of `render/`, so that no number is worked out twice. `write` puts it into `static/` by jinja2:
once as HTML, which can be read without a script, and once as JSON, which the scripts draw from.
"""
