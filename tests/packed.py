"""Archives of all kinds, the hostile ones too, as bytes."""

import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Mapping

TRAIN = """\
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.001, help="learning rate")
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--optimizer", choices=["sgd", "adam"], default="adam")
parser.add_argument("--amp", action="store_true")
if __name__ == "__main__":
    print(parser.parse_args())
"""


def zipped(files: Mapping[str, str | bytes], *, executable: tuple[str, ...] = ()) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            info = zipfile.ZipInfo(path)
            info.create_system = 3
            info.external_attr = (stat.S_IFREG | (0o755 if path in executable else 0o644)) << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def special_zip(path: str, mode: int, content: bytes = b"/etc/passwd") -> bytes:
    """A zip with one entry of another kind, beside a good one."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("train.py", TRAIN)
        info = zipfile.ZipInfo(path)
        info.create_system = 3
        info.external_attr = mode << 16
        archive.writestr(info, content)
    return made.getvalue()


def encrypted_zip() -> bytes:
    """A zip whose entry says that it is encrypted."""
    raw = bytearray(zipped({"train.py": TRAIN}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = raw.index(signature) + offset
        raw[place] |= 1
    return bytes(raw)


def tarred(files: Mapping[str, str | bytes], *special: tarfile.TarInfo, packed: bool = True) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in special:
            archive.addfile(info, io.BytesIO(bytes(info.size)) if info.isreg() else None)
    return gzip.compress(made.getvalue()) if packed else made.getvalue()


def special_tar(path: str, kind: bytes, target: str = "") -> bytes:
    """A tar.gz with one entry of another kind, beside a good one."""
    info = tarfile.TarInfo(path)
    info.type, info.linkname = kind, target
    return tarred({"train.py": TRAIN}, info)
