"""Files as conversions: CSV, XLSX and NDJSON of other systems, row by row, through the intake.

In path order: `kinds` finds the mapping -> `source` opens a file (`encodings`, `csv_file`, `workbook`, `ndjson_file`)
-> `session` -> `run` takes rows (`stream.mapping` -> `stream.intake`), notes what is wrong (`report`) and how far it
came (`journal`) -> `backlog` waits until all is shipped.

Bounded memory, whatever the file's size. A row's events have ids that follow from the row, so nothing counts twice
however often and from wherever on a file is imported.
"""
