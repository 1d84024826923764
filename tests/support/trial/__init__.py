"""The long trial: five nodes under calls, while something is killed, stopped, cut or restarted all the time.

`make trial` runs it (`python -m trial --help` tells its options); tests/chaos/test_trial.py is its short form.

    town.py        who lives there: accounts, phones, queues, as documents
    mixture.py     the calls: what a caller does, and how each kind may end
    switch.py      a simulated switch that places calls and writes down how every leg ended: an OS process
    proxies.py     proxies between each node and the broker: an OS process
    ground.py      the files, the broker, the host supervisor with all nodes
    schedule.py    what is done to whom and when, by a seed, as plans for `mirliton chaos`
    trouble.py     carries the plans out
    requests.py    clients of the REST API
    memory.py      what each node's memory does
    evidence.py    what is found afterwards: calls, records, doubles
    verdict.py     what was seen, whether it holds, and how it is told
    course.py      all of it, in order
"""
