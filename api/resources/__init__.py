"""The resources of the API, one file each; `ROUTES` of each says which URLs it answers.

Declared as data and served by `documents.py`: users, devices, callflows, menus, vmboxes, media.
"""
