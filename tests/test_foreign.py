"""Formats of hospitals, Holter recorders and other programs: read, or named with a way out."""

import shutil
import struct
import sys

import numpy as np
import pydicom
import pytest
import scipy.io
from pydicom.data import get_testdata_file

from ecgkit import InputError
from ecgkit.apply.readers import read_recording

DIGITAL = np.arange(-500, 500, dtype="<i2")


DICOM = get_testdata_file("waveform_ecg.dcm", download=False)
"""A resting ECG that comes with pydicom: twelve leads at 1000 Hz in uV, and a median beat."""


@pytest.mark.parametrize("name", ["a.dcm", "IM000001"])
def test_dicom(tmp_path, monkeypatch, name):
    shutil.copy(DICOM, tmp_path / name)
    recording = read_recording(tmp_path / name)
    assert (recording.lead, recording.fs) == ("II", 1000)
    assert recording.signal.dtype == np.float32
    theirs = pydicom.dcmread(DICOM).waveform_array(0)[:, 1]
    assert np.abs(recording.signal - theirs / 1000).max() < 1e-6
    monkeypatch.setitem(sys.modules, "ecgdatakit", None)
    with pytest.raises(InputError, match="extra clinical"):
        read_recording(tmp_path / name)


def test_an_ishne_holter_file(tmp_path):
    # Leads III and II of 1000 nV a step at 200 Hz, in a header of 522 bytes (Badilini 1998).
    head = bytearray(b"ISHNE1.0".ljust(522, b"\0"))
    struct.pack_into("<iiiih", head, 10, 0, len(DIGITAL), 522, 522, 1)
    struct.pack_into("<h24h", head, 156, 2, 7, 6, *[-9] * 10, 1, 1, *[-9] * 10)
    struct.pack_into("<12h", head, 206, 1000, 1000, *[-9] * 10)
    struct.pack_into("<h", head, 272, 200)
    samples = np.stack([-DIGITAL, DIGITAL], axis=1)
    (tmp_path / "a.ecg").write_bytes(bytes(head) + samples.tobytes())
    recording = read_recording(tmp_path / "a.ecg")
    assert (recording.lead, recording.fs) == ("II", 200)
    assert np.abs(recording.signal - DIGITAL / 1000).max() < 1e-6


AECG = """<?xml version="1.0" encoding="{encoding}"?>
<AnnotatedECG xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<component><series><component><sequenceSet>
<component><sequence><code code="TIME_RELATIVE"/><value xsi:type="GLIST_PQ">
<head value="0" unit="s"/><increment value="0.002" unit="s"/></value></sequence></component>
<component><sequence><code code="MDC_ECG_LEAD_II"/><value xsi:type="SLIST_PQ">
<origin value="0" unit="uV"/><scale value="2" unit="uV"/><digits>{digits}</digits>
</value></sequence></component>
</sequenceSet></component></series></component></AnnotatedECG>"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_hl7_aecg(tmp_path, encoding):
    text = AECG.format(encoding=encoding, digits=" ".join(map(str, DIGITAL)))
    (tmp_path / "a.xml").write_text(text, encoding=encoding)
    recording = read_recording(tmp_path / "a.xml")
    assert (recording.lead, recording.fs) == ("II", 500)
    assert np.abs(recording.signal - DIGITAL / 500).max() < 1e-6


@pytest.mark.parametrize("form", ["4", "5"])
@pytest.mark.filterwarnings("ignore:.*(unit|lead)")
def test_a_challenges_mat_file(tmp_path, form):
    scipy.io.savemat(tmp_path / "A00001.mat", {"val": DIGITAL[None]}, format=form)
    with pytest.raises(InputError, match="sampling rate"):
        read_recording(tmp_path / "A00001.mat", gain=1000)
    recording = read_recording(tmp_path / "A00001.mat", fs=300, gain=1000, baseline=0)
    assert np.abs(recording.signal - DIGITAL / 1000).max() < 1e-6
    scipy.io.savemat(tmp_path / "A00001.mat", {"val": np.stack([DIGITAL] * 3)}, format=form)
    recording = read_recording(tmp_path / "A00001.mat", "row 2", 300, gain=1000)
    assert recording.lead == "row 2"


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("a.xlsx", b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml", "save it as CSV"),
        ("a.csv", b"PK\x03\x04" + bytes(26) + b"xl/workbook.xml", "spreadsheet"),
        ("a.zip", b"PK\x03\x04", "unpack"),
        ("a.bin", b"PAR1", "pandas"),
        ("a.mat", b"MATLAB 7.3 MAT-file", "-v7"),
        ("a.mat", b"MATLAB 5.0 MAT-file", "val"),
        ("a.acq", b"", "acq2txt"),
        ("a.gdf", b"GDF 2.20", "MNE"),
        ("a.json", b'{\n"resourceType": "Observation"', "valueSampledData"),
        ("a.json", b'{"a": 1}', "JSON"),
        ("ecg", b"%PDF-1.7", "format"),
        ("a.dcm", b"", "DICOM"),
        ("a.xml", b"<html>", "XML"),
        ("a", b"\x00", "no known format"),
    ],
)
def test_what_is_not_read_is_named(tmp_path, name, content, word):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=word):
        read_recording(tmp_path / name)
