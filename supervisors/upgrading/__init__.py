"""The parts of a hot upgrade; `mirliton.supervisors.upgrades` puts them to work.

appup.py        instructions, as data
loading.py      the new modules beside the old ones
successors.py   which class follows which; stale references
plan.py         what is going to be done, found out before anything is held
conversion.py   values of the old code made values of the new
mail.py         the mail of a node
snapshot.py     states, to be put back when the upgrade fails
holding.py      bringing processes to rest, and letting them go
trees.py        the supervisors' specs
code_change.py  running it, with a deadline
steps.py        children that come, go or are restarted
work.py         the whole, and its undoing
report.py       what came of it
"""
