"""hotornot: what does a call cost? Kazoo: the hotornot application.

    rates       which of the rates that a number falls under applies       listener    answers who asks

Rates are documents of the database `ratedeck`, found by the beginning of the number.
"""
