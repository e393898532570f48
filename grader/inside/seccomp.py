"""System calls that a room has no use for, and that only help to break out of it.

They hold memory that no limit counts, talk to other rooms by way of the kernel, or reach
the kernel's less trodden parts. A room may not make them any more after :func:`refuse`.
"""

import ctypes
import os
import struct

# numbers on (x86_64, aarch64)
REFUSED = {
    "memfd_create": (319, 279),  # memory outside of the limits, as next
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "add_key": (248, 217),  # keyrings outlive a room
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "kexec_load": (246, 104),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
}
PROGRAMS = {"execve": (59, 221), "execveat": (322, 281)}  # to start another program
MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
PR_SET_SECCOMP, FILTER = 22, 2
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
ALLOW, KILL, NOT_PERMITTED = 0x7FFF0000, 0x80000000, 0x50001
ARCHITECTURE, NUMBER = 4, 0  # offsets in what a filter is given


def refuse(calls: dict[str, tuple[int, int]] = REFUSED) -> None:
    """From now on these calls fail in this process and its children (EPERM).

    Args:
        calls: names, and numbers as above.

    Raises:
        OSError: the machine or its kernel cannot do that.
    """
    if os.uname().machine not in MACHINES:
        raise OSError(f"no list of system calls for {os.uname().machine}")
    architecture, column = MACHINES[os.uname().machine]
    steps = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, architecture),  # another has other numbers
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 0, 1, 0x40000000),  # x32's
        (RETURN, 0, 0, NOT_PERMITTED),
    ]
    for numbers in calls.values():
        steps.append((EQUAL, 0, 1, numbers[column]))
        steps.append((RETURN, 0, 0, NOT_PERMITTED))
    steps.append((RETURN, 0, 0, ALLOW))
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *s) for s in steps))
    program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, FILTER, program, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp: {os.strerror(number)}")
