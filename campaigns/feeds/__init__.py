"""Product feeds, read one record at a time: formats, encodings, prices, texts. Pure: knows neither Django nor tables.

`source.look` says what a file is, `source.records` gives its records as flat texts, `mapping.guess` which column is
what, `rows.read` what a record comes to: values that fit a product, and what is wrong with it, by code.
"""
