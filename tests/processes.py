"""Whether a process is still there."""

import os
from pathlib import Path


def alive(pid: int) -> bool:
    """A zombie nobody has waited for is not alive."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except FileNotFoundError:  # not Linux, or gone since
        return not Path("/proc/self").exists()
    return state != "Z"
