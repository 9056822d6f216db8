"""Reads trace files into the tables of `schema/01_input.sql`.

A file goes through four hands: `opened` (bytes, gzip, zstd, standard input), `recognise` (which format, by content), one module of
`formats` (records), `staging` (rows into DuckDB). Whatever is odd on the way becomes a row of `problems`, by `notes`.
"""
