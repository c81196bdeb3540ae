"""The page that people see: its routes, templates and static files, around the same service as the interfaces."""
