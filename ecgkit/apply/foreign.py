"""Formats from elsewhere, recognized by their first bytes or suffix: read, or named with a way out.

Those of hospitals and Holter recorders are read with ecgdatakit (the optional extra ``clinical``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import scipy.io

from ecgkit import InputError
from ecgkit.apply.edf_reader import read_edf
from ecgkit.apply.signal_file import Channel, unreadable

READ = ""  # in the place of advice
FORMATS = (  # name, first bytes, suffixes, how to convert what is not read
    ("a DICOM file", rb".{128}DICM", ".dcm", READ),
    ("an SCP-ECG file", rb".{16}SCPECG", ".scp", READ),
    ("an ISHNE Holter file", rb"ISHNE1\.0|ANN  1\.0", ".ecg .hol .ishne", READ),
    ("an XML file", rb"(\xef\xbb\xbf|\xff\xfe)?\s*<\0?[?\w]", ".xml", READ),  # such as HL7 aECG
    ("an MFER file", rb"@ MFR ", ".mwf .mfer", READ),
    ("a FHIR file", rb'\s*\{.*"resourceType"', "", "write valueSampledData times factor as CSV"),
    ("a JSON file", rb"\s*\{\s*\"", ".json", READ),  # AliveCor Kardia
    ("a spreadsheet", rb"PK.*(xl/|\[Cont|sheet)|\xd0\xcf", ".xlsx .xls .ods", "save it as CSV"),
    ("a zip archive", rb"PK\x03\x04", ".zip .npz", "unpack it"),
    ("a Parquet file", rb"PAR1", ".parquet", "write it as CSV with pandas"),
    ("a NumPy array", rb"\x93NUMPY", ".npy", "write it as CSV with numpy.savetxt"),
    ("an HDF5 file", rb"\x89HDF", ".h5 .hdf5", "write its signal as CSV with h5py and NumPy"),
    ("a MATLAB 7.3 file", rb"MATLAB 7\.3", "", "save it in MATLAB with the option -v7"),
    ("an AcqKnowledge file", rb"(?!)", ".acq", "convert it with acq2txt of the package bioread"),
    ("a LabChart file", rb"(?!)", ".adicht", "export it as text in LabChart"),
    ("an EEG file", rb"(?!)", ".vhdr .gdf .fif .set", "export it as EDF with MNE"),
    ("a picture", rb"\x89PNG|\xff\xd8\xff|%PDF", "", "export the signal from the device instead"),
)


def find_reader(path: Path) -> Callable[[Path], list[Channel]] | None:
    """Return the reader of a file that is neither WFDB's nor a table; None if it is not recognized.

    InputError, with what to do, for formats that are recognized and not read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError:
        return None
    suffix = path.suffix.lower()
    if head.startswith((b"0       ", b"\xffBIOSEMI")) or suffix in (".edf", ".bdf", ".rec"):
        return read_edf
    if suffix == ".mat" and not head.startswith(b"MATLAB 7.3"):
        return read_mat
    found = [row for row in FORMATS if re.match(row[1], head, re.DOTALL)]
    found += [row for row in FORMATS if suffix in row[2].split()]
    if not found:
        return None
    name, *_, advice = found[0]
    if advice:
        raise InputError(f"{path} is {name}, a format that is not read: {advice}.")
    return partial(_read_clinical, name=name)


def _read_clinical(path: Path, name: str) -> list[Channel]:
    try:
        from ecgdatakit import FileParser
    except ImportError as error:
        how = "pip install 'ecgdatakit[dicom]'"
        raise InputError(f"{path} is {name}, which needs the extra clinical: {how}.") from error
    channels = []
    try:
        for lead in FileParser.parse(path).leads:
            read = partial(np.array, lead.samples, np.float32)
            about = (lead.label, lead.units or None, float(lead.sampling_rate))
            channels.append(Channel(*about, read, lead.is_raw))
    except Exception as error:  # whatever its parsers happen to hit
        raise unreadable(path, f"ECG, though {name}", error) from error
    return channels


def read_mat(path: Path) -> list[Channel]:
    """List the rows of ``val`` in a MATLAB file, as of PhysioNet's Challenges without their header.

    InputError if there is no such variable. Whole numbers are those of a converter.
    """
    try:
        val = np.atleast_2d(scipy.io.loadmat(path, variable_names="val")["val"]).astype(np.float32)
    except Exception as error:  # scipy raises whatever its parsing happens to hit
        raise unreadable(path, "MATLAB file of a signal val", error) from error
    raw = bool((val % 1 == 0).all())
    names = [f"row {i}" for i in range(1, len(val) + 1)] if len(val) > 1 else [""]
    rows = zip(names, val, strict=True)
    return [Channel(name, None, None, row.copy, raw) for name, row in rows]
