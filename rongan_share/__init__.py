"""rongan-share: a hub through which institutions share risk listings as tokens.

Every call, and every frame of a stream, takes one way; read the packages in this order:

1. ``processes``: a worker takes bytes from a connection over mutual TLS.
2. ``gate``: admission at its door (how much does this caller have under way?), then the walk, step
   by step. Identity: who does the certificate prove? Agreement: may this caller do this, for this
   purpose? Quota: may it do it now?
3. ``services``: computes the answer over a snapshot and says what it wants written.
4. ``columns``: the look-ups that services ask.
5. ``ledger``: one small transaction makes it so: quota, journal value, position, audit entry.
6. ``audit``: what the entry says, and how anyone proves it later.
7. ``gate`` again: the reply, or one typed refusal.

Beneath them lie ``model`` (the nouns), ``config``, ``clock``, ``errors``, ``wire`` (what hub and
partners must compute alike) and ``v1`` (generated from ``protos/``). Apart stand ``ca``, which
issues certificates and which no worker can import, and ``cli``, the command ``rongan-hub``.
"""

__version__ = "0.1.0"
