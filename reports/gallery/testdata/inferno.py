"""Prints the table of inferno.go: python3 testdata/inferno.py (in reports/gallery). Needs matplotlib.

The colour map is inferno, by Nathaniel J. Smith and Stefan van der Walt, which matplotlib carries under CC0.
"""
from matplotlib import colormaps

rows = ["".join("%02x" % round(255 * c) for c in rgb) for rgb in colormaps["inferno"].colors]
for i in range(0, 256, 16):
    print('\t"%s"%s' % ("".join(rows[i:i + 16]), " +" if i < 240 else ""))
