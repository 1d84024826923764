"""Telephone numbers: what is meant by what somebody dials, of what kind a number is, and whose. Kazoo: kazoo_numbers.

rules.py      converters to E.164 and classifiers, with Kazoo's defaults
ownership.py  the documents of numbers: which account a number is assigned to
states.py     the states of a number, and what leads from one to another
keeping.py    making, assigning and releasing numbers
"""
