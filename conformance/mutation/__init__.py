"""How much of the engine the suite watches: small wrong changes are planted in it one by one, and the cells that run them must differ."""
