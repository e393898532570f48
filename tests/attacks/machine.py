"""The machine: files, processes, network, memory."""

from tests.attacks.attack import MARK, Attack, everything, linear

SYSTEM = [
    Attack(
        "files",
        "solutions, tests, gradebook and other students' work, read from disk",
        """
import glob, os, pathlib
for start in ("@COURSE@", "@ROOT@/solutions", "@ROOT@/tests", "..", "../..", "../../..",
              "/proc/1/root@COURSE@", "/proc/1/cwd", os.path.expanduser("~")):
    for folder, _, names in os.walk(start):
        for name in names:
            if name.endswith((".ipynb", ".db", ".csv", ".json")) and "share" not in folder:
                path = os.path.join(folder, name)
                print(path, pathlib.Path(path).read_bytes()[:200_000].decode(errors="replace"))
print(os.getcwd(), os.listdir("/"))
""",
    ),
    Attack(
        "writes",
        "files written wherever that is possible",
        f"""
import os
for folder in ("@COURSE@", "@COURSE@/submitted", "@ROOT@", "@ROOT@/byhand", "@ROOT@/grader",
               "@ROOT@/solutions/hw1_backprop", ".", "..", "/", "/tmp", "/var/tmp", "/dev",
               "/dev/shm", "/run", "/etc", os.path.expanduser("~"), "/root", "/home"):
    try:
        open(os.path.join(folder, "{MARK}-file"), "w").write("x")
    except OSError:
        pass
""",
    ),
    Attack(
        "gradebook",
        "marks written into the gradebook",
        """
import glob, sqlite3
for path in ("@COURSE@/gradebook.db", "../gradebook.db", *glob.glob("/**/gradebook.db")):
    try:
        with sqlite3.connect(path, timeout=1) as book:
            book.execute("update grade set auto_score = 10, manual_score = 10")
    except sqlite3.Error as error:
        print(error)
""",
    ),
    Attack(
        "marks-files",
        "verdicts, exports and autograded copies written or removed",
        """
import glob, os, shutil
for path in glob.glob("@COURSE@/*/*") + glob.glob("@COURSE@/*"):
    try:
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        print("REMOVED", path)
    except OSError as error:
        print(error)
""",
    ),
    Attack(
        "network",
        "TCP, UDP and Unix sockets to this machine",
        f"""
import socket, urllib.request
for host in ("127.0.0.1", "localhost", "::1", "10.0.2.2", "169.254.169.254"):
    try:
        socket.create_connection((host, @PORT@), timeout=0.5).sendall(b"hello")
    except OSError as error:
        print(error)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
for connect in (lambda: udp.sendto(b"hello", ("127.0.0.1", @PORT@)),
                lambda: unix.connect("\\0{MARK}-@PORT@")):
    try:
        connect()
    except OSError as error:
        print(error)
""",
    ),
    Attack(
        "proc",
        "other processes, by /proc: command lines, environment, memory, files",
        """
import os
for pid in filter(str.isdigit, os.listdir("/proc")):
    for name in ("cmdline", "environ", "maps", "mountinfo"):
        try:
            print(pid, name, open(f"/proc/{pid}/{name}").read()[:300])
        except OSError as error:
            print(error)
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            print(pid, fd, os.readlink(f"/proc/{pid}/fd/{fd}"))
    except OSError as error:
        print(error)
""",
    ),
    Attack(
        "descriptors",
        "every open descriptor is written to, read from, and sent to",
        """
import os, socket
for fd in range(3, 300):
    try:
        os.set_blocking(fd, False)
        print(fd, os.readlink(f"/proc/self/fd/{fd}"), os.read(fd, 10_000))
    except OSError:
        continue
    for act in (lambda: os.write(fd, b'{"limits": {}, "seed": 1}' + bytes(4000)),
                lambda: socket.send_fds(socket.socket(fileno=os.dup(fd)), [b"{}"], [0, 1])):
        try:
            act()
        except OSError as error:
            print(error)
""",
        silent=True,
    ),
    Attack(
        "environment",
        "the environment, printed and changed",
        """
import os
print(dict(os.environ))
os.environ.update(BYHAND_SEED="x", PATH="/tmp", LD_PRELOAD="/tmp/x.so", BYHAND_COURSE="/")
""",
    ),
    Attack(
        "signals",
        "signals to the parent, the group and everything",
        """
import os, signal
for pid in (os.getppid(), 1, 2, -1):
    for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGKILL):
        try:
            if pid != os.getpid():
                os.kill(pid, number)
        except OSError as error:
            print(error)
""",
        bomb=True,
        silent=True,
    ),
    Attack(
        "parent",
        "the parent process is killed",
        "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)",
        silent=True,
    ),
    Attack(
        "ptrace",
        "other processes are attached to and written into",
        """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for pid in [os.getppid(), *map(int, filter(str.isdigit, os.listdir("/proc")))]:
    if pid != os.getpid():
        print(pid, libc.ptrace(16, pid, 0, 0), ctypes.get_errno())
        try:
            open(f"/proc/{pid}/mem", "r+b").read(1)
        except OSError as error:
            print(error)
""",
        bomb=True,
    ),
    Attack(
        "namespaces",
        "new namespaces, for capabilities, mounts and a way out",
        """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
print("unshare", libc.unshare(0x10000000 | 0x20000), ctypes.get_errno())
print("mount", libc.mount(b"x", b"/tmp", b"tmpfs", 0, b"size=90%"), ctypes.get_errno())
print("umount", libc.umount2(b"/proc", 2), libc.umount2(b"/tmp", 2))
print("chroot", libc.chroot(b"/proc/1/root"), "setuid", libc.setuid(0), libc.setgid(0))
for kind in ("mnt", "net", "pid", "user"):
    try:
        print(kind, libc.setns(os.open(f"/proc/1/ns/{kind}", 0), 0))
    except OSError as error:
        print(error)
""",
        bomb=True,
    ),
    Attack(
        "kernel",
        "keyrings, memory files, bpf, io_uring, perf, userfaultfd",
        """
import ctypes, os, platform
libc = ctypes.CDLL(None, use_errno=True)
numbers = {"x86_64": (319, 250, 321, 425, 298, 323), "aarch64": (279, 219, 280, 425, 241, 282)}
for number in numbers[platform.machine()]:
    found = libc.syscall(number, 0, 0, 0, 0, 0)
    print("GIVEN" if found >= 0 else "refused", number)
""",
    ),
    Attack(
        "exit",
        "os._exit(0), which looks like success",
        "import os; os._exit(0)",
        silent=True,
    ),
    Attack(
        "exit-in-call",
        "os._exit(0) in the midst of a test",
        "import os",
        everything("os._exit(0)"),
    ),
    Attack(
        "segfault",
        "a crash of the process",
        "import ctypes; ctypes.string_at(0)",
        silent=True,
    ),
    Attack(
        "segfault-in-call",
        "a crash in the midst of a test",
        "import ctypes",
        everything("ctypes.string_at(0)"),
    ),
    Attack(
        "no-interrupt",
        "a loop that swallows interrupts and ignores signals",
        """
import signal
for number in (signal.SIGALRM, signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
while True:
    try:
        while True: pass
    except BaseException:
        pass
""",
        silent=True,
    ),
    Attack(
        "endless-call",
        "a call that never ends",
        "import signal",
        linear("""
signal.signal(signal.SIGALRM, signal.SIG_IGN)
while True: pass
"""),
    ),
    Attack(
        "slow-call",
        "every call takes as long as it may",
        "import time",
        everything("time.sleep(2.5)"),
    ),
    Attack(
        "output",
        "endless output, printed and written past Python",
        """
import os, sys
for fd in (1, 2):
    os.write(fd, b"flood" * 100_000)
while True:
    print("flood " * 1000)
    sys.stderr.write("flood " * 1000)
""",
        bomb=True,
    ),
    Attack(
        "pictures",
        "thousands of pictures and displays",
        """
from IPython.display import display, HTML, Javascript, Markdown, SVG
for k in range(300):
    display(HTML("<script>alert(1)</script>"), Javascript("alert(1)"))
    display(SVG("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"))
    display({"image/png": "A" * 100_000, "text/plain": "x"}, raw=True)
    display({"image/png": '"><script>alert(1)</script>'}, raw=True)
    display({"text/latex": "$\\\\href{javascript:alert(1)}{x}$"}, raw=True)
    display(Markdown("<script>alert(1)</script>"))
""",
    ),
    Attack(
        "fork-bomb",
        "processes without end",
        """
import os
try:
    while True:
        os.fork()
except OSError:
    while True: pass
""",
        bomb=True,
        silent=True,
    ),
    Attack(
        "thread-bomb",
        "threads without end",
        """
import threading, time
try:
    while True:
        threading.Thread(target=time.sleep, args=(600,)).start()
except RuntimeError as error:
    print(error)
""",
        bomb=True,
    ),
    Attack(
        "memory-bomb",
        "memory without end, in one process",
        "hold = []\nwhile True:\n    hold.append(bytearray(50_000_000))",
        bomb=True,
    ),
    Attack(
        "memory-bombs",
        "memory without end, in many processes",
        """
import os, time
for _ in range(20):
    if os.fork() == 0:
        hold = bytearray(b"x" * 100_000_000)
        time.sleep(60)
time.sleep(20)
""",
        bomb=True,
        silent=True,
    ),
    Attack(
        "memory-in-call",
        "memory without end, in a call",
        "hold = []",
        linear("while True:\n    hold.append(torch.ones(10_000_000))"),
        bomb=True,
    ),
    Attack(
        "hidden-memory",
        "memory that belongs to no process: shared, in files, in sockets",
        """
import ctypes, mmap, os, socket
libc = ctypes.CDLL(None, use_errno=True)
for k in range(200):
    fd = libc.memfd_create(b"x", 0)
    if fd >= 0:
        print("MEMFD")
        os.write(fd, bytes(10_000_000))
    print(libc.shmget(0, 50_000_000, 0o1600) >= 0 and "SHM")
hold = [mmap.mmap(-1, 100_000_000) for _ in range(50)]
for m in hold:
    for page in range(0, len(m), 4096):
        m[page] = 1
""",
        bomb=True,
        silent=True,
    ),
    Attack(
        "disk-bomb",
        "files without end",
        """
import os
for folder in ("/tmp", "/dev/shm", "/", "/dev", "/var/tmp"):
    try:
        for k in range(10**6):
            with open(f"{folder}/fill-{k}", "wb") as file:
                file.write(bytes(10_000_000))
    except OSError as error:
        print(error)
""",
        bomb=True,
    ),
    Attack(
        "file-bomb",
        "empty files without end",
        """
import os
try:
    for k in range(10**6):
        os.mkdir(f"/tmp/fill-{k}")
except OSError as error:
    print(error)
""",
        bomb=True,
    ),
    Attack(
        "daemons",
        "processes that outlive the run",
        f"""
import os, subprocess
for _ in range(3):
    subprocess.Popen(["sleep", "600"], env={{"MARK": "{MARK}"}}, start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execve("/usr/bin/sleep", ["{MARK}", "600"], {{"MARK": "{MARK}"}})
    os._exit(0)
""",
    ),
    Attack(
        "threads",
        "threads that rewrite functions and outputs while tests run",
        """
import threading, time
def meddle():
    while True:
        globals().update(check=None, linear_forward=lambda *a: None)
        print("50.0")
        time.sleep(0.001)
for _ in range(4):
    threading.Thread(target=meddle, daemon=True).start()
""",
    ),
    Attack(
        "spin",
        "all processors are kept busy",
        """
import os
for _ in range(15):
    if os.fork() == 0:
        while True: pass
import time
time.sleep(2)
""",
        bomb=True,
    ),
    Attack(
        "stop",
        "the process stops itself",
        "import os, signal\n"
        "os.kill(os.getpid(), signal.SIGSTOP)\nimport time; time.sleep(600)",
        silent=True,
    ),
    Attack(
        "limits",
        "the limits are raised, the clock is turned, the priority taken",
        """
import os, resource, signal, time
for name in ("RLIMIT_NPROC", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_CPU", "RLIMIT_NOFILE"):
    try:
        resource.setrlimit(getattr(resource, name), (-1, -1))
        print("RAISED", name)
    except (OSError, ValueError) as error:
        print(error)
for act in (lambda: os.nice(-10), lambda: os.sched_setscheduler(0, 1, os.sched_param(1)),
            lambda: time.clock_settime(0, 1.0)):
    try:
        act()
        print("DONE")
    except OSError as error:
        print(error)
""",
        bomb=True,
    ),
    Attack(
        "terminal",
        "terminals, and keys typed into them",
        """
import fcntl, os
for path in ("/dev/tty", "/dev/ptmx", "/dev/pts/0", "/dev/console"):
    try:
        fd = os.open(path, os.O_RDWR)
        print("OPENED", path)
        fcntl.ioctl(fd, 0x5412, b"x")
    except OSError as error:
        print(error)
""",
    ),
    Attack(
        "pickles",
        "pickles, saved tensors and shelves as answers",
        f"""
import io, os, pickle
class Bomb:
    def __reduce__(self):
        return os.mkdir, ("@COURSE@/{MARK}-pickle",)
buffer = io.BytesIO()
pickle.dump(Bomb(), buffer)
blob = buffer.getvalue()
""",
        everything("blob"),
    ),
]

# Two who work together: what one leaves behind, the other looks for. Neither is in the
# table: each says FOUND only where it has found the other's traces.
LEAVE = f"""
import ctypes, os, socket, threading, time, torch
from byhand import data
libc = ctypes.CDLL(None)
libc.shmget(0x5EC12E7, 4096, 0o1666), libc.semget(0x5EC12E7, 1, 0o1666)
libc.msgget(0x5EC12E7, 0o1666)
torch.secret = os.secret = data.secret = 1
os.environ["SECRET"] = "1"
data.digits("train").images.fill_(7)
for folder in ("/", "/tmp", "/dev", "/dev/shm", "/dev/pts", "/var/tmp", os.getcwd()):
    try:
        open(f"{{folder}}/{MARK}-note", "w").write("x")
    except OSError:
        pass
if os.fork() == 0:
    os.setsid()
    for address in ("\\0{MARK}-note", ("127.0.0.1", 47113)):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        try:
            server = socket.socket(family)
            server.bind(address)
            server.listen()
            threading.Thread(target=server.accept).start()
        except OSError:
            pass
    time.sleep(600)
print("left")
"""
LOOK = f"""
import ctypes, glob, os, socket, torch
from byhand import data
libc = ctypes.CDLL(None)
for get in (libc.shmget, libc.msgget):
    if get(0x5EC12E7, 0) >= 0:
        print("FOUND", get)
if libc.semget(0x5EC12E7, 0, 0) >= 0:
    print("FOUND a semaphore")
if any(hasattr(thing, "secret") for thing in (torch, os, data)) or "SECRET" in os.environ:
    print("FOUND an attribute")
if data.digits("train").images.max() > 1:
    print("FOUND changed data")
for folder in ("/", "/tmp", "/dev", "/dev/shm", "/dev/pts", "/var/tmp", os.getcwd()):
    if os.path.exists(f"{{folder}}/{MARK}-note"):
        print("FOUND a file in", folder)
for address in ("\\0{MARK}-note", ("127.0.0.1", 47113)):
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    try:
        socket.socket(family).connect(address)
        print("FOUND", address)
    except OSError:
        pass
others = [p for p in glob.glob("/proc/[0-9]*") if os.path.basename(p) != str(os.getpid())]
if others:
    print("FOUND processes", others)
print("looked")
"""
