"""Writes the .npy files that npy_test.go reads, with NumPy (any version)."""
import numpy as np

np.save("f4.npy", np.arange(24, dtype="<f4").reshape(2, 3, 4) / 8)
np.save("f2.npy", np.array([[0, -1.5], [65504, 6e-8]], dtype="<f2"))
np.save("u1.npy", np.arange(5, dtype="u1"))
np.save("fortran.npy", np.asfortranarray(np.ones((2, 3), "<f4")))
np.save("bigendian.npy", np.ones(3, ">f4"))
with open("v2.npy", "wb") as f:
    np.lib.format.write_array(f, np.float32([[1, 2]]), version=(2, 0))
