"""The codec once more, in plain Python: slow, obvious, and the oracle of the tests.

It was written from the specification of the codec, not from the Cython, and has the same public names:

    message.py   Message; parse.py, getter.py: what their names say
    frame.py     StreamDecoder
    encode.py    encode, encode_session, Template
    convert.py   values
    groups.py    repeating groups (by message.group())
    scan.py      what a frame and a field are; both message.py and frame.py stand on it
    fields.py    reading values out of a run of fields; messages and group entries share it
"""
