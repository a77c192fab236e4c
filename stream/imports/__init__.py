"""Files as conversions: CSV, XLSX and NDJSON of other systems, row by row, through the intake.

In path order: `kinds` finds the mapping -> `source` opens a file (`encodings`, `csv_file`, `ndjson_file`; `workbook`,
which reads an `archive`'s `sheet` and its `cells`) -> `session` -> `run` takes rows (`stream.mapping` ->
`stream.intake`), notes what is wrong (`report`) and how far it came (`journal`) -> `backlog` waits for Kafka.

Bounded memory, whatever the file's size: one row, and the table of a workbook's texts, which has a limit. A row's
events have ids that follow from the row, so nothing counts twice however often and from wherever on a file is imported.
"""
