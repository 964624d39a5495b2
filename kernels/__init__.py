"""Hot loops over arrays: they know no ids, no files and no objects.

Rows are positions (user row, movie row); arrays come in CSR order `indptr, indices, values`, then
scalars, then outputs. Import the module you need; importing this package compiles nothing.
"""
