"""The library libscn: how it is found, its functions, its structs, and Python's owners of its handles."""
