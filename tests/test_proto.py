"""The committed gRPC code is what the .proto files say, and the contracts stay as they are."""

import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import FieldDescriptor as Field

from reelrecs.proto import generate, recommendations_pb2
from reelrecs.proto.recommendations_pb2 import CandidateFeatures


def committed_descriptor(virtual):
    module = importlib.import_module(virtual.removesuffix(".proto").replace("/", ".") + "_pb2")
    committed = descriptor_pb2.FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(committed)
    return committed


def test_committed_code_is_what_the_sources_compile_to(tmp_path):
    written = tmp_path / "set.bin"
    generate.compile_with(f"--descriptor_set_out={written}")
    compiled = descriptor_pb2.FileDescriptorSet.FromString(written.read_bytes())
    assert {file.name for file in compiled.file} == set(generate.SOURCES)
    for file in compiled.file:
        committed = committed_descriptor(file.name)
        for either in (file, committed):
            for message in either.message_type:
                for field in message.field:
                    field.ClearField("json_name")
        assert committed == file, "run python proto/generate.py"


def test_sources_are_lint_clean():
    buf = shutil.which("buf") or shutil.which("buf", path=str(Path(sys.executable).parent))
    if buf is None:
        pytest.skip("buf is not installed: pip install reelrecs[test]")
    run = subprocess.run(
        [buf, "lint"], cwd=generate.HERE, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_the_compatible_contract_is_field_for_field_the_old_one():
    service = recommendations_pb2.DESCRIPTOR.services_by_name["MLScorer"]
    method = service.methods_by_name["ScoreCandidates"]
    assert service.full_name == "recommendations.MLScorer"
    assert (method.input_type.full_name, method.output_type.full_name) == (
        "recommendations.ScoreRequest",
        "recommendations.ScoreResponse",
    )

    def fields(message):
        return [(f.number, f.name, f.type, f.has_presence) for f in message.fields]

    uint32, real = Field.TYPE_UINT32, Field.TYPE_FLOAT
    assert fields(CandidateFeatures.DESCRIPTOR) == [
        (1, "movie_id", uint32, False),
        (2, "genre_overlap_score", real, False),
        (3, "genre_diversity_score", real, False),
        (4, "collaborative_score", real, False),
        (5, "similar_users_count", uint32, False),
        (6, "avg_rating", real, False),
        (7, "rating_count", uint32, False),
        (8, "popularity_percentile", real, False),
        (9, "movie_year", uint32, True),
        (10, "year_preference_score", real, False),
        (11, "days_since_released", real, False),
    ]
    request = recommendations_pb2.ScoreRequest.DESCRIPTOR
    assert fields(request)[0] == (1, "user_id", uint32, False)
    assert request.fields_by_name["features"].number == 2
    assert request.fields_by_name["features"].message_type.name == "CandidateFeatures"
    assert fields(recommendations_pb2.ScoreResponse.DESCRIPTOR) == [(1, "scores", real, False)]


def test_generated_code_loads_under_the_oldest_protobuf_allowed():
    for written in generate.HERE.glob("*_pb2.py"):
        assert "# Protobuf Python Version: 6.31.1" in written.read_text(encoding="utf-8")
