"""How the two children are started, and how TensorBoard is asked whether it works."""

import http.client
import os
import sys
from pathlib import Path

from app.errors import StartupError
from app.tensorboard.process import Command

LAUNCHER = Path(__file__).with_name("launcher.py")
TENSORBOARD = "tensorboard.main"


def data_command(folder: Path, logdir: Path, scalars: int) -> Command:
    """The data server on a folder, keeping `scalars` points of each scalar series; with -v it tells of each look at it.

    Raises:
        StartupError: there is no data server for this platform.
    """
    port_file = folder / "data.port"
    argv = [
        _data_server_binary(), f"--logdir={logdir}", "--reload=1", "--host=127.0.0.1", "--port=0",
        f"--port-file={port_file}", "--die-after-stdin", "-v", f"--samples-per-plugin={_samples(scalars)}",
    ]  # fmt: skip
    return Command("data", argv, folder, port_file=port_file, many_files=True)


def tensorboard_command(
    folder: Path,
    logdir: Path,
    *,
    data_port: int,
    prefix: str,
    title: str,
    scalars: int,
    program: str = TENSORBOARD,
) -> Command:
    """TensorBoard on a data server, answering below `prefix`.

    Args:
        folder: its private folder.
        logdir: shown nowhere, but TensorBoard insists on one.
        data_port: the data server's port on 127.0.0.1.
        prefix: such as "/experiments/mnist/tensorboard", without a slash at the end.
        title: of the browser's window.
        scalars: points per series; TensorBoard would thin them to 1,000 again.
        program: module to run, or a file ending in .py.
    """
    argv = [
        sys.executable, "-I", str(LAUNCHER), str(os.getpid()), program,
        f"--grpc_data_provider=localhost:{data_port}", f"--logdir={logdir}", "--host=127.0.0.1", "--port=0",
        f"--path_prefix={prefix}", f"--window_title={title}", f"--samples_per_plugin={_samples(scalars)}",
    ]  # fmt: skip
    return Command("tensorboard", argv, folder)


def _samples(scalars: int) -> str:
    return f"scalars={scalars},histograms=50,images=50"


def _data_server_binary() -> str:
    import tensorboard_data_server

    binary = tensorboard_data_server.server_binary()
    if binary is None:
        raise StartupError("TensorBoard's data server does not exist for this platform.")
    return str(binary)


def health(port: int, prefix: str, timeout: float) -> str | None:
    """None when TensorBoard and the data server behind it answer, else what is wrong.

    `/` answers 200 with a dead data server behind it; the list of plugins has to ask it.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", f"{prefix}/data/plugins_listing")
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException) as error:
        return f"no answer on its port: {error or type(error).__name__}"
    finally:
        connection.close()
    return None if response.status == 200 else f"answered {response.status} to the list of plugins"
