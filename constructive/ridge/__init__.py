"""Ridge regression and interpolation under attack: exact moments, deterministic equivalents, bounds, trade-offs.

Each file is imported by its own name; in reading order: ``spectra``, ``effective``, ``equivalents``, ``risk``,
``moments``, ``optimum``, ``ridge_path``. The penalty of a ridge is n times lambda throughout:
theta = (X^T X + n lambda I)^-1 X^T y.
"""
