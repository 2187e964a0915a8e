"""The FIX side of the exchange: messages in, messages out."""
