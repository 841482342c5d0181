"""The queue of outer trainings: workers train the runs, and runs survive the loss of their worker.

A run's folder is its record. Besides the files of `core.runs.run` it contains

    RUN/job.json        client, time of submission, and position in the queue
    RUN/events.jsonl    the events, appended; the number of a line is its sequence number
    RUN/control.json    the pending request to its worker (pause, stop, cancel); absent without one
    RUN/heartbeat.json  the worker that trains it

A message through the broker only means that there is work: a worker that receives one takes the first waiting run.
"""
