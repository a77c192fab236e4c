"""The stream worker, and the only home of Faust: batched transport, the path, recovery, commits."""
