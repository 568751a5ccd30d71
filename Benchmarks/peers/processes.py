"""The process of each library: which libraries are there, with which environment they run, and how they are asked."""

import importlib.util
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
# By library: the module that it is, where it may be absent.
LIBRARIES = {
    "scn": None,
    "scn.torch": None,
    "scn.spconv": None,
    "scn.minkowski": None,
    "scn.torchsparse": None,
    "SparseConvNet": "sparseconvnet",
    "MinkowskiEngine": "MinkowskiEngine",
    "spconv": "spconv",
    "torchsparse": "torchsparse",
}
# What the results and the times of the others are compared with.
NEEDED = ("scn", "scn.torch")
# Settings of the caller that would decide for OpenBLAS how fast it is.
UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "SCN_NUM_THREADS")
# By name, how the threads of OpenMP and OpenBLAS wait for work: actively at first, or not at all. Which is faster
# depends on how many pools of threads a process has; each library gets the better of the two.
WAITING = {"default": {}, "passive": {"OMP_WAIT_POLICY": "passive", "OPENBLAS_THREAD_TIMEOUT": "4"}}
# By name, what makes each library do without instructions that this cpu has, as it does on cpus that have none: scn,
# PyTorch's own kernels, MKL, oneDNN, OpenBLAS.
INSTRUCTIONS = {
    "avx2": {
        "SCN_ISA": "avx2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
    }
}
# Threads that wait actively do so for some milliseconds; what follows should find the cores free.
PAUSE = 0.05


class Failure(Exception):
    """A library could not do what it was asked to."""


class Worker:
    """The process of a library on a number of threads."""

    def __init__(self, library, folder, threads, log, waiting, instructions):
        self.library = library
        command = [sys.executable, os.path.join(HERE, "worker.py"), library, folder, str(threads)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment(library, threads, waiting, instructions),
        )
        self._answer()

    def ask(self, request, *arguments):
        time.sleep(PAUSE)
        try:
            self.process.stdin.write(json.dumps([request, *arguments]) + "\n")
            self.process.stdin.flush()
        except OSError:
            pass
        return self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failure(f"{self.library}: its process ended with status {self.process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise Failure(f"{self.library}: {answer['error']}")
        return answer

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def environment(library, threads, waiting, instructions):
    """Return the environment variables of a library's process. instructions: one of INSTRUCTIONS; None for all."""
    decided = (*UNSET, *WAITING["passive"])
    result = {name: value for name, value in os.environ.items() if name not in decided}
    result.update(WAITING[waiting])
    result.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    kernels = better_kernels() if library == "MinkowskiEngine" else None
    if kernels:
        result["OPENBLAS_CORETYPE"] = kernels
    if instructions:
        result.update(INSTRUCTIONS[instructions])
    return result


def better_kernels():
    """Return the kernels that OpenBLAS should use where it does not know this cpu, None where it does.

    Benchmarks/main.c does the same. An OpenBLAS that is older than the cpu takes it for one without AVX, whose kernels
    run at a sixth of the speed; MinkowskiEngine's products are OpenBLAS's, so that would flatter scn.
    """
    sound = ("haswell", "zen", "skylakex", "cooperlake", "sapphirerapids")
    code = "import ctypes; f = ctypes.CDLL('libopenblas.so.0').openblas_get_corename; f.restype = ctypes.c_char_p"
    without = {name: value for name, value in os.environ.items() if name not in UNSET}
    found = subprocess.run(
        [sys.executable, "-c", f"{code}; print(f().decode())"], env=without, capture_output=True, text=True
    )
    if found.returncode or found.stdout.strip().lower() in sound:
        return None
    flags = cpu_field("flags").split()
    if "avx512f" in flags and "avx512vl" in flags:
        return "SkylakeX"
    return "Haswell" if "avx2" in flags and "fma" in flags else None


def cpu_field(name):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return next((line.split(":", 1)[1].strip() for line in file if line.split(":")[0].strip() == name), "")


def available(wanted):
    """Return the libraries that are there, and by name why others are not. wanted: which to look for; None for all."""
    found, absent = [], {}
    for library, module in LIBRARIES.items():
        if wanted and library not in (*wanted, *NEEDED):
            if module is not None:
                absent[library] = "not asked for"
            continue
        if module is None or importlib.util.find_spec(module):
            found.append(library)
            continue
        reason = os.path.join(sys.prefix, f"{module}.absent")
        absent[library] = "it is not in the environment"
        if os.path.exists(reason):
            with open(reason, encoding="utf-8") as file:
                absent[library] = file.read().strip()
    return found, absent


def source_of(name):
    """Return what was built, where it came from a folder with its source."""
    path = os.path.join(sys.prefix, f"{LIBRARIES[name]}.source")
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        return file.read().strip()
