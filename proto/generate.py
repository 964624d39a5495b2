"""Regenerate the committed gRPC code of this folder: `python proto/generate.py`.

It wants grpcio-tools of the oldest release that `pyproject.toml` admits, in a virtual environment
of its own, for generated code loads under that release of grpcio and protobuf and all later ones.
The virtual paths give the modules their import names: they stand flat in `reelrecs.proto`.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from importlib import metadata, resources
from pathlib import Path

GENERATOR = "1.74."
"""grpcio-tools of this series writes for protobuf 6.31.1 and grpcio 1.74."""

HERE = Path(__file__).resolve().parent

SOURCES = {
    "reelrecs/proto/scorer.proto": HERE / "reelrecs" / "v1" / "scorer.proto",
    "reelrecs/proto/rating.proto": HERE / "reelrecs" / "v1" / "rating.proto",
    "reelrecs/proto/recommendation.proto": HERE / "reelrecs" / "v1" / "recommendation.proto",
    "reelrecs/proto/recommendations.proto": HERE / "recommendations" / "recommendations.proto",
}
"""What protoc calls each file, and where it is."""


def compile_with(*outputs: str) -> None:
    """Run the installed protoc over all sources; raises RuntimeError when it refuses."""
    from grpc_tools import protoc

    paths = [f"-I{virtual}={real}" for virtual, real in SOURCES.items()]
    well_known = f"-I{resources.files('grpc_tools') / '_proto'}"
    if protoc.main(["protoc", *paths, well_known, *outputs, *SOURCES]) != 0:
        raise RuntimeError("protoc refused; its reasons stand above")


def main() -> None:
    """Write *_pb2.py, *_pb2.pyi and *_pb2_grpc.py beside this file."""
    installed = metadata.version("grpcio-tools")
    if not installed.startswith(GENERATOR):
        sys.exit(f"grpcio-tools {installed} is installed; generate with {GENERATOR}*")
    with tempfile.TemporaryDirectory() as folder:
        compile_with(*(f"--{kind}_out={folder}" for kind in ("python", "pyi", "grpc_python")))
        for written in sorted((Path(folder) / "reelrecs" / "proto").iterdir()):
            shutil.copyfile(written, HERE / written.name)
            sys.stderr.write(f"{written.name}\n")


if __name__ == "__main__":
    main()
