"""services: what accounts have, as service plans count it. Kazoo: kazoo_services.

quantities    what an account has, counted from its documents
"""
