"""The redirect edge: a pure decision per request, kept in the spool before it is answered."""
