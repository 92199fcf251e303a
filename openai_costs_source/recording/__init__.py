"""Recordings: what the API returned to the requests of a load, without private values.

Each module uses only modules above it:

    vocabulary   words of the API and of its errors
    pseudonyms   random texts that replace ids, names and addresses, the same one everywhere
    anonymize    a reply and its request, with pseudonyms and scaled numbers
    page         the page that describes a recording
    record       `Recorder`: writes each reply to a folder as a text file
    replay       `RecordedApi`: serves such a folder on 127.0.0.1

The source does not use this package; only programs that record or replay do.
"""
