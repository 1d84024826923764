"""tasks: what is done row by row in the background, and what is done at intervals. Kazoo's application of the name.

app         the tree           scheduler   starts what is to run        worker      one task, from its checkpoint
record      a task's document  table       CSV in and out               catalogue   what there is to do
numbers, rates, billing, services          the actions, by category     jobs        what is done at intervals
"""
