"""Outer trainings that wait their turn, run in workers of their own, and survive whatever happens to those.

The run's folder is the record: beside what `core.runs.run` keeps it holds

    RUN/job.json        who asked for it, when, and its place in the queue
    RUN/events.jsonl    what happened, appended; the number of a line is its sequence number
    RUN/control.json    what is asked of its worker (pause, stop, cancel); absent if nothing is
    RUN/heartbeat.json  who works on it

A message through the broker only says that there is work: a worker that gets one takes the first run that waits.
"""
