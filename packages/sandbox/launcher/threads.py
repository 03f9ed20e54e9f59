"""How many threads numerical libraries use. They decide when they are loaded, which was in the zygote, with one thread: a step
gets what its cpu limit allows. The names are those that the libraries export, as threadpoolctl knows them too.
"""

import ctypes
import os
import re

_LIBRARY = re.compile(r"/lib(scipy_|flexi)?(openblas|blis|gomp|iomp5|omp|mkl_rt)[^/]*\.so[^/]*\Z")
_SETTERS = (
    "openblas_set_num_threads",
    "openblas_set_num_threads64_",
    "scipy_openblas_set_num_threads",
    "scipy_openblas_set_num_threads64_",
    "bli_thread_set_num_threads",
    "omp_set_num_threads",
    "MKL_Set_Num_Threads",
)


def find_setters():
    """Functions that take a number of threads, of the libraries that are loaded by now."""
    with open("/proc/self/maps") as file:
        paths = sorted({line.split(None, 5)[5].rstrip("\n") for line in file if _LIBRARY.search(line.rstrip("\n"))})
    setters = []
    for path in paths:
        try:
            library = ctypes.CDLL(path, mode=os.RTLD_NOLOAD)
        except OSError:
            continue  # its file is gone
        setters += [getattr(library, name) for name in _SETTERS if hasattr(library, name)]
    return setters
