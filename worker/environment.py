"""Which of the worker's environment variables a run may see: an allow-list, so that no secret leaks by being new."""

import os
import re
from collections.abc import Mapping

_NAMES = frozenset({
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TERM", "TMPDIR", "TEMP", "TMP",
    "PYTHONPATH", "PYTHONWARNINGS", "VIRTUAL_ENV", "CONDA_PREFIX", "LD_LIBRARY_PATH", "LD_PRELOAD",
    "DYLD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "MPLBACKEND", "MPLCONFIGDIR",
})  # fmt: skip
_PREFIXES = (
    "LC_", "XDG_", "CUDA_", "NVIDIA_", "NCCL_", "GLOO_", "ROCM_", "HIP_", "OMP_", "GOMP_", "MKL_", "KMP_", "OPENBLAS_",
    "NUMEXPR_", "TORCH", "PYTORCH_", "HF_", "TRITON_", "CUBLAS_", "UV_",
)  # fmt: skip
_SPINS = "10000"
"""How often a thread of GNU OpenMP looks for its next piece of work before it sleeps (GOMP_SPINCOUNT). libgomp's own
300,000 keep a core busy for about a millisecond after every operation: on a machine with more threads than cores that
is time taken from the thread that everybody waits for. On 2 cores a small network trained at the same speed when
nothing else ran, and 4 times faster beside two busy processes; fewer spins cost the quiet machine up to half."""
_SECRET = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE|AUTH", re.IGNORECASE)


def allowed_environment(source: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables that the zygote, and with it every run, is started with, and a patience of OpenMP's threads that
    suits a shared machine, unless one was chosen there.

    Args:
        source: where they are taken from; default: os.environ.
    """
    source = os.environ if source is None else source
    allowed = {name: value for name, value in source.items() if _allowed(name)}
    if "OMP_WAIT_POLICY" not in allowed:
        allowed.setdefault("GOMP_SPINCOUNT", _SPINS)
    return allowed


def _allowed(name: str) -> bool:
    known = name.upper() in _NAMES or name.startswith(_PREFIXES)
    return known and not _SECRET.search(name)
