"""What expression a face shows: streams, one picture at a time, and what is kept of it with consent.

No frame is kept, by anybody, at any time. Unless its sender allows more, neither is the answer.
"""
