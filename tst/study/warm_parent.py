"""One process imports the libraries once; the notebooks that a command runs are forks of it.

`python -m tst.study.warm_parent make ...` imports LIBRARIES, starts the command, and ends with it.
What the command starts by `python -m tst.study.start_notebook` is handed to this process, which
forks the one that runs the notebook, and that one its kernel: both before they start a thread, and
before torch computes anything, after which a fork may wait for ever. Each notebook has a kernel of
its own as without this process; nothing of the project itself is imported beforehand. Where there
are threads after the imports, or no Linux, the command runs alone.
"""

import atexit
import contextlib
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from tst.io import paths

# What most notebooks and what runs them import. A library that is missing is found so by its user.
LIBRARIES = (
    "nbformat",
    "papermill",
    "nbclient",
    "ipykernel.kernelapp",
    "pandas",
    "pyarrow.parquet",
    "scipy.stats",
    "scipy.optimize",
    "sklearn.model_selection",
    "sklearn.manifold",
    "sklearn.tree",
    "matplotlib.pyplot",
    "matplotlib.backends.backend_agg",
    "mpl_toolkits.mplot3d",
    "seaborn",
    "accelerate",
    "torch._dynamo",
    "safetensors.torch",
    "tabulate",
)
INLINE = "module://matplotlib_inline.backend_inline"  # what ipykernel sets before matplotlib comes
PROVISIONER = "tst-forked"  # name among jupyter_client's ways to start a kernel
ARROW_THREAD = "jemalloc_bg_thd"  # of its memory, which is made to be forked
GRACE = 10  # seconds that a notebook has to end its kernel
PATIENCE = 0.1  # seconds between two looks at whether the command has ended


def main(command: Sequence[str]) -> int:
    """Run a command with a warm parent where this system allows it; return its exit code."""
    if sys.platform != "linux" or not _import_libraries():
        return subprocess.run(command, close_fds=False).returncode
    with tempfile.TemporaryDirectory(prefix="tst-") as folder:
        path = f"{folder}/warm"
        with socket.socket(socket.AF_UNIX) as listener:
            try:
                listener.bind(path)
            except OSError:  # a socket's path has at most 107 bytes
                return subprocess.run(command, close_fds=False).returncode
            listener.listen()
            # make tells its jobs by open files how many may run: they are handed on
            process = subprocess.Popen(["env", f"{paths.WARM}={path}", *command], close_fds=False)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is the command's
            _serve(listener, process)
            return process.wait()


def _import_libraries() -> bool:
    """Import what the notebooks share; return whether this process may be forked thereafter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # papermill's tqdm misses widgets, which nobody would see
        for name in LIBRARIES:
            importlib.import_module(name)
    importlib.import_module("matplotlib").rcParams["backend"] = INLINE
    threads = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    return len(threads) - threads.count(ARROW_THREAD) == 1


def _serve(listener: socket.socket, process: subprocess.Popen) -> None:
    """Fork a process for each notebook that is asked for, until the command ends."""
    children: list[int] = []
    while process.poll() is None:
        ready, _, _ = select.select([listener], [], [], PATIENCE)
        if ready:
            connection, _ = listener.accept()
            child = os.fork()
            if child == 0:
                listener.close()
                _leave(partial(_run, connection))
            connection.close()
            children.append(child)
        children = [child for child in children if os.waitpid(child, os.WNOHANG) == (0, 0)]


def _leave(action: Callable[[], int | None]) -> NoReturn:
    """End this fork with the exit code of an action: what called `fork` must not go on in it."""
    code = 1
    # Else it would delete the files of the process that it is a fork of.
    atexit._clear()
    weakref.finalize._registry.clear()  # type: ignore[attr-defined]
    weakref.finalize._registered_with_atexit = False  # type: ignore[attr-defined]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        code = action() or 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _run(connection: socket.socket) -> int:
    """Run the notebook that a process of `start_notebook` asks for, as if in that process."""
    _, descriptors, _, _ = socket.recv_fds(connection, 1, 2)
    with connection.makefile("rb") as stream:
        request = json.loads(stream.readline())
    for source, target in zip(descriptors, (1, 2), strict=True):
        os.dup2(source, target)
        os.close(source)
    _become(request["folder"], request["environment"])
    kernel = ForkedKernel(connection)
    ForkedProvisioner.waiting = kernel
    use_forked_kernels()
    has_ended = threading.Event()
    threading.Thread(target=_end_with, args=(connection, kernel, has_ended), daemon=True).start()
    code: int = importlib.import_module("tst.study.run_notebook").main(request["arguments"])
    sys.stdout.flush()
    has_ended.set()
    connection.send(bytes([code]))
    return code


def _become(folder: str, environment: dict[str, str]) -> None:
    """Take another process's working directory and environment."""
    os.chdir(folder)
    paths.set_environment(environment)


def _end_with(
    connection: socket.socket, kernel: "ForkedKernel", has_ended: threading.Event
) -> None:
    """End this process, and its kernel with all that it started, with the one that asked for it.

    As a Ctrl-C does, which gives nbclient the time to end the kernel; where that is not enough, by
    force.
    """
    connection.recv(1)
    if has_ended.is_set():
        return
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(GRACE)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(kernel.pid, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


class ForkedKernel:
    """A fork of this process that waits for what a kernel is told when it starts.

    It has what jupyter_client asks of a `subprocess.Popen`.
    """

    stdin = None
    stdout = None
    stderr = None

    def __init__(self, connection: socket.socket) -> None:
        self.returncode: int | None = None
        read_end, self._write_end = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._write_end)
            connection.close()
            _leave(partial(_be_kernel, read_end))
        os.close(read_end)

    def start(self, command: Sequence[str], environment: dict[str, str], folder: str) -> None:
        """Let it become the kernel of a command line."""
        message = {"command": command, "environment": environment, "folder": folder}
        with os.fdopen(self._write_end, "w") as file:
            json.dump(message, file)

    def poll(self) -> int | None:
        """Return its exit code, None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit code when it has ended."""
        if self.returncode is None:
            _, status = os.waitpid(self.pid, 0)
            self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


def _be_kernel(read_end: int) -> int | None:
    """Wait for a command line of a kernel and be one; end where the other side ends without."""
    os.setsid()  # as of any kernel: a Ctrl-C is the runner's
    runner = os.getppid()
    with os.fdopen(read_end) as file:
        text = file.read()
    if not text:
        return 0
    message = json.loads(text)
    _become(message["folder"], message["environment"])
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    command = message["command"]
    arguments = command[command.index("ipykernel_launcher") + 1 :]
    arguments.append(f"--IPKernelApp.parent_handle={runner}")
    sys.argv = ["ipykernel_launcher", *arguments]
    importlib.import_module("ipykernel.kernelapp").launch_new_instance(arguments)
    return 0


class ForkedProvisioner(LocalProvisioner):
    """Gives the first kernel that is asked for the fork that waits, later ones a process."""

    waiting: ClassVar[ForkedKernel | None] = None

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start a kernel; return how to connect to it."""
        kernel = ForkedProvisioner.waiting
        if kernel is None:
            return await super().launch_kernel(cmd, **kwargs)
        ForkedProvisioner.waiting = None
        kernel.start(cmd, kwargs["env"], str(kwargs.get("cwd") or Path.cwd()))
        self.process = kernel  # type: ignore[assignment]
        self.pid = self.pgid = kernel.pid
        return self.connection_info


def use_forked_kernels() -> None:
    """Let jupyter_client start kernels by `ForkedProvisioner` in this process."""
    factory = KernelProvisionerFactory.instance()
    place = f"{__name__}:ForkedProvisioner"
    factory.provisioners[PROVISIONER] = EntryPoint(PROVISIONER, place, factory.GROUP_NAME)
    factory.default_provisioner_name = PROVISIONER


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
