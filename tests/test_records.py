"""Recordings are looked for in one order, fetched whole or not at all, and read or refused."""

import hashlib
import http.server
import shutil
import socket
import threading
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ecgkit import InputError, aami, physionet, records, splits, synthetic

pytestmark = pytest.mark.usefixtures("nothing_given")


def sums_of(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """A folder that stands in for MIT-BIH 1.0.0: two records, and one with paced beats."""
    folder = tmp_path / "archive"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("100", "101", "102"):
        for kind, size in (("hea", 80), ("dat", 60_000), ("atr", 900)):
            (folder / f"{name}.{kind}").write_bytes(rng.bytes(size))
    (folder / "RECORDS").write_text("100\n101\n102\n")
    monkeypatch.setattr(physionet, "SHA256", sums_of(folder))
    monkeypatch.setattr(physionet, "MITDB_RECORDS", ("100", "101"))
    monkeypatch.setattr(physionet, "PACED", ("102",))
    return folder


WANTED = {f"{name}.{kind}" for name in ("100", "101") for kind in ("hea", "dat", "atr")}


@pytest.fixture
def place(cache):
    """Where downloads are kept."""
    assert physionet.cache_directory().is_relative_to(cache)
    return physionet.cache_directory() / "mitdb-1.0.0"


@pytest.fixture
def synthetic_in_cache(cache, synthetic_source):
    """The synthetic records lie in the cache, so that nobody waits for them to be written."""
    target = physionet.cache_directory() / synthetic_source.directory.name
    shutil.copytree(synthetic_source.directory, target)
    return target


class Server(http.server.ThreadingHTTPServer):
    """Serves a folder on this machine, with a fault for each file named in ``faults``."""

    daemon_threads = True

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.faults = {}
        self.asked = []
        self.closing = threading.Event()
        self.address = f"http://127.0.0.1:{self.server_port}/mitdb/"

    def handle_error(self, request, client_address):
        """Clients that hang up are part of the tests."""


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        name = self.path.removeprefix("/mitdb/")
        self.server.asked.append(name)
        fault = self.server.faults.get(name, self.server.faults.get("*"))
        if fault in (404, 500):
            self.send_error(fault)
            return
        content = (self.server.folder / name).read_bytes()
        if fault == "other bytes":
            content = b"<html>Sign in to the network</html>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if fault is None or fault == "other bytes":
            self.wfile.write(content)
            return
        self.wfile.write(content[: len(content) // 2])
        self.wfile.flush()
        if fault == "stalls":
            self.server.closing.wait(30)
        elif fault == "drips":
            for i in range(len(content) // 2, len(content)):
                if self.server.closing.wait(0.1):
                    return
                self.wfile.write(content[i : i + 1])

    def log_message(self, *_):
        """Keep quiet."""


@pytest.fixture
def server(archive, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("pooch.core.time", SimpleNamespace(sleep=lambda _: None))  # between tries
    with Server(archive) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setattr(physionet, "ADDRESSES", (server.address,))
        yield server
        server.closing.set()
        server.shutdown()


@pytest.fixture
def dead_address():
    """An address of this machine where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{probe.getsockname()[1]}/"


@pytest.fixture
def silent_address():
    """An address that takes connections and never says anything."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


# What MIT-BIH is


def test_mit_bih_has_44_records_without_the_four_with_paced_beats():
    assert physionet.PACED == ("102", "104", "107", "217")
    assert len(physionet.MITDB_RECORDS) == 44
    assert set(physionet.MITDB_RECORDS) == {*splits.DS1, *splits.DS2}
    every = {*physionet.MITDB_RECORDS, *physionet.PACED}
    kinds = ("hea", "dat", "atr")
    assert set(physionet.SHA256) == {f"{n}.{kind}" for n in every for kind in kinds} | {"RECORDS"}
    assert {len(digest) for digest in physionet.SHA256.values()} == {64}


def test_the_fingerprint_changes_with_every_file_and_every_name():
    sums = {"100.hea": "a", "100.dat": "b", "100.atr": "c"}
    others = [{**sums, name: "d"} for name in sums]
    others += [{**sums, "101.hea": "a"}, {"100.hea": "a"}, {"101.hea": "a", "100.dat": "b"}]
    found = {physionet.fingerprint(other) for other in [sums, *others]}
    assert len(found) == 7
    assert {len(name) for name in found} == {16}


# Where it is looked for


def test_the_directory_that_is_named_comes_first(archive, server, place, monkeypatch):
    monkeypatch.setenv("ECGKIT_DATA", str(archive))
    source = records.find()
    assert (source.name, source.directory) == ("mitdb", archive)
    assert source.records == ("100", "101")
    assert not source.is_synthetic
    assert not server.asked
    assert not place.exists()


@pytest.mark.parametrize("source", ["auto", "mitdb"])
@pytest.mark.parametrize("fault", ["missing", "flipped bit", "empty"])
def test_a_named_directory_that_is_wrong_is_an_error_whatever_else_there_is(
    archive, server, place, tmp_path, monkeypatch, source, fault
):
    shutil.copytree(archive, place)
    named = shutil.copytree(archive, tmp_path / "named")
    broken = named / "101.dat"
    if fault == "missing":
        broken.unlink()
    elif fault == "empty":
        broken.write_bytes(b"")
    else:
        content = bytearray(broken.read_bytes())
        content[30_000] ^= 1
        broken.write_bytes(content)
    monkeypatch.setenv("ECGKIT_DATA", str(named))
    says = "is missing from" if fault == "missing" else "differs from PhysioNet's SHA-256 in"
    with pytest.raises(InputError, match=rf"^101\.dat {says} .*named.*1 of 6 files.*ECGKIT_DATA"):
        records.find(source)
    assert not server.asked
    # The records asked for are whole, so for these the directory will do.
    assert records.find(source, ["100"]).directory == named


@pytest.mark.parametrize("kind", ["nowhere", "a file"])
def test_a_name_of_no_directory_is_an_error(archive, server, tmp_path, monkeypatch, kind):
    path = tmp_path / "given"
    if kind == "a file":
        path.write_text("")
    monkeypatch.setenv("ECGKIT_DATA", str(path))
    with pytest.raises(InputError, match=r"ECGKIT_DATA names .*given, which is no directory"):
        records.find()
    assert not server.asked


def test_an_empty_name_is_none(archive, server, place, monkeypatch):
    monkeypatch.setenv("ECGKIT_DATA", "")
    assert records.find().directory == place


def test_the_cache_comes_before_the_network(archive, server, place):
    shutil.copytree(archive, place)
    assert records.find().directory == place
    assert not server.asked


@pytest.mark.parametrize(
    ("source", "variable", "expected"),
    [
        ("synthetic", "mitdb", "synthetic"),
        (None, "synthetic", "synthetic"),
        ("mitdb", "x", "mitdb"),
    ],
)
def test_the_argument_comes_before_the_variable(
    archive, place, synthetic_in_cache, monkeypatch, source, variable, expected
):
    shutil.copytree(archive, place)
    monkeypatch.setenv("ECGKIT_SOURCE", variable)
    assert records.find(source).name == expected


def test_an_unknown_source_is_named():
    with pytest.raises(InputError, match=r"no data source 'mit': use auto, mitdb or synthetic\."):
        records.find("mit")


def test_unknown_records_are_named(archive, synthetic_in_cache):
    with pytest.raises(InputError, match=r"No record '999', 'x': there are 100 101 102\."):
        records.find("mitdb", ["100", "999", "x"])
    with pytest.raises(InputError, match=r"No record named: there are 100 101 102\."):
        records.find("mitdb", [])
    with pytest.raises(InputError, match=r"No record 'x': there are syn01 .* syn12\."):
        records.find("synthetic", ["x"])


def test_records_asked_for_twice_or_in_another_order_are_the_same_data(archive, place):
    shutil.copytree(archive, place)
    assert records.find("mitdb", ["101", "100", "101"]) == records.find("mitdb", ["100", "101"])
    assert records.find("mitdb", ["102"]).records == ("102",)
    prints = {records.find("mitdb", names).fingerprint for names in (["100"], ["101"], None)}
    assert len(prints) == 3


# Where nothing is to be had


def test_auto_falls_back_to_synthetic_records_and_warns(
    archive, synthetic_in_cache, dead_address, monkeypatch
):
    monkeypatch.setattr(physionet, "ADDRESSES", (dead_address, dead_address))
    with pytest.warns(UserWarning, match="^SYNTHETIC DATA: .*No figure below says anything"):
        source = records.find()
    assert source.is_synthetic
    assert source.records == synthetic.NAMES
    assert source.directory == synthetic_in_cache


def test_mitdb_never_falls_back(archive, dead_address, monkeypatch):
    monkeypatch.setattr(physionet, "ADDRESSES", (dead_address,))
    with pytest.raises(InputError, match=r"neither http://127.* answers.*ecgkit data --fetch"):
        records.find("mitdb")


def test_without_leave_to_download_no_address_is_asked(archive, server, synthetic_in_cache):
    with pytest.raises(InputError, match=r"^MIT-BIH is not in .*mitdb-1\.0\.0\. Fetch it with"):
        records.find("mitdb", download=False)
    with pytest.warns(UserWarning, match="SYNTHETIC"):
        assert records.find(download=False).is_synthetic
    assert not server.asked


def test_no_network_costs_seconds(archive, silent_address, synthetic_in_cache, monkeypatch):
    monkeypatch.setattr(physionet, "ADDRESSES", (silent_address, silent_address))
    monkeypatch.setattr(physionet, "PROBE_TIMEOUT_S", 0.3)
    start = time.monotonic()
    with pytest.warns(UserWarning, match="SYNTHETIC"):
        records.find()
    assert time.monotonic() - start < 10


def test_a_name_look_up_that_hangs_costs_seconds(archive, synthetic_in_cache, monkeypatch):
    over = threading.Event()

    def hang(*_, **__):
        over.wait(30)
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr(physionet, "ADDRESSES", ("http://mitdb.invalid/",))
    monkeypatch.setattr(physionet, "PROBE_TIMEOUT_S", 0.3)
    start = time.monotonic()
    with pytest.warns(UserWarning, match="SYNTHETIC"):
        records.find()
    assert time.monotonic() - start < 10
    over.set()


def test_an_answer_that_drips_in_costs_seconds(archive, server, monkeypatch):
    # Each byte comes within the time-out; the twelve together do not.
    server.faults["RECORDS"] = "drips"
    monkeypatch.setattr(physionet, "PROBE_TIMEOUT_S", 0.3)
    with pytest.raises(InputError, match="answers"):
        records.find("mitdb")


def test_a_captive_portal_is_not_taken_for_physionet(archive, server, place, synthetic_in_cache):
    server.faults["*"] = "other bytes"
    with pytest.warns(UserWarning, match="SYNTHETIC"):
        assert records.find().is_synthetic
    assert server.asked == ["RECORDS"]
    assert not place.exists()


# Download


def test_a_download_brings_the_files_of_the_records_wanted_and_no_others(archive, server, place):
    source = records.find()
    assert (source.name, source.directory) == ("mitdb", place)
    assert set(sums_of(place)) == WANTED
    assert all(physionet.SHA256[name] == digest for name, digest in sums_of(place).items())
    assert sorted(server.asked) == sorted({*WANTED, "RECORDS"})
    assert source.fingerprint == physionet.fingerprint({n: physionet.SHA256[n] for n in WANTED})


def test_only_the_records_asked_for_are_fetched(archive, server, place):
    assert records.find(records=["101"]).records == ("101",)
    assert set(sums_of(place)) == {"101.hea", "101.dat", "101.atr"}


def test_files_already_right_are_kept_and_wrong_ones_replaced(archive, server, place):
    place.mkdir(parents=True)
    for name in ("100.hea", "100.dat", "101.atr"):
        shutil.copy(archive / name, place)
    (place / "101.dat").write_bytes(b"half of what it should be")
    before = (place / "100.dat").stat().st_mtime_ns
    records.find()
    assert sorted(server.asked) == ["100.atr", "101.dat", "101.hea", "RECORDS"]
    assert (place / "100.dat").stat().st_mtime_ns == before
    assert sums_of(place) == {name: physionet.SHA256[name] for name in WANTED}


@pytest.mark.parametrize("source", ["auto", "mitdb"])
@pytest.mark.parametrize("fault", [404, 500, "cut short", "other bytes", "stalls"])
def test_a_download_that_breaks_off_leaves_whole_files_and_can_be_run_again(
    archive, server, place, monkeypatch, source, fault
):
    server.faults["101.dat"] = fault
    monkeypatch.setattr(physionet, "STALL_TIMEOUT_S", 0.2)
    with pytest.raises(InputError) as caught:
        records.find(source)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert "from 127.0.0.1" in sentence
    assert "Run the same again" in sentence
    assert sentence.endswith("are kept.")
    whole = sums_of(place)
    assert "101.dat" not in whole
    assert all(physionet.SHA256.get(name) == digest for name, digest in whole.items())
    assert f"with {len(WANTED) - len(whole)} of 6 files to go" in sentence
    assert server.asked.count("101.dat") == 3  # tried again twice

    server.faults.clear()
    server.asked.clear()
    assert records.find(source).name == "mitdb"
    assert sums_of(place) == {name: physionet.SHA256[name] for name in WANTED}
    assert sorted(server.asked) == sorted({*WANTED - set(whole), "RECORDS"})


def test_a_fault_that_passes_is_not_noticed(archive, server, place, monkeypatch):
    server.faults["100.dat"] = "cut short"
    monkeypatch.setattr("pooch.core.time", SimpleNamespace(sleep=lambda _: server.faults.clear()))
    assert records.find().name == "mitdb"
    assert server.asked.count("100.dat") == 2
    assert sums_of(place) == {name: physionet.SHA256[name] for name in WANTED}


def test_a_wrong_file_stays_in_place_until_the_right_one_is_whole(archive, server, place):
    place.mkdir(parents=True)
    (place / "100.dat").write_bytes(b"old")
    server.faults["100.dat"] = "cut short"
    with pytest.raises(InputError, match="kept"):
        records.find()
    assert (place / "100.dat").read_bytes() == b"old"


def test_the_second_address_is_taken_where_the_first_is_dead(
    archive, server, place, dead_address, monkeypatch
):
    monkeypatch.setattr(physionet, "ADDRESSES", (dead_address, server.address))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert records.find().directory == place
    assert set(sums_of(place)) == WANTED


def test_a_cache_that_cannot_be_written_is_said_in_a_sentence(server, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(InputError, match="Not a directory"):
        records.find("mitdb")
    with pytest.raises(InputError, match=r"cannot be written to .*XDG_CACHE_HOME"):
        records.find("synthetic")


# The synthetic records in the cache


def test_the_synthetic_records_are_written_once(synthetic_in_cache, monkeypatch):
    monkeypatch.setattr(synthetic, "write_records", None)
    source = records.find("synthetic")
    assert source.directory == synthetic_in_cache
    assert records.find("synthetic", ["syn03"]).records == ("syn03",)
    assert records.find("synthetic", ["syn03"]).fingerprint != source.fingerprint


@pytest.mark.parametrize(
    "damage", ["a bit", "a file less", "no list", "an empty list", "a list of something else"]
)
def test_a_damaged_synthetic_cache_is_written_again(
    synthetic_in_cache, synthetic_source, monkeypatch, damage
):
    listing = synthetic_in_cache / "SHA256SUMS.txt"
    if damage == "a bit":
        content = bytearray((synthetic_in_cache / "syn05.dat").read_bytes())
        content[1000] ^= 1
        (synthetic_in_cache / "syn05.dat").write_bytes(content)
    elif damage == "a file less":
        (synthetic_in_cache / "syn05.atr").unlink()
    elif damage == "no list":
        listing.unlink()
    else:
        listing.write_bytes(b"" if damage == "an empty list" else b"\xff\xfe not sums at all\n")

    def copy(folder):  # in place of a second's work
        for path in synthetic_source.directory.glob("syn*"):
            shutil.copy(path, folder)

    monkeypatch.setattr(synthetic, "write_records", copy)
    found = records.find("synthetic")
    assert found.fingerprint == synthetic_source.fingerprint
    assert sums_of(synthetic_in_cache) == sums_of(synthetic_source.directory)
    assert [p.name for p in physionet.cache_directory().iterdir()] == [synthetic_in_cache.name]


def test_two_that_fill_the_synthetic_cache_at_once_both_succeed(synthetic_source, monkeypatch):
    together = threading.Barrier(2, timeout=30)

    def write_and_wait(folder):
        for path in synthetic_source.directory.glob("syn*"):
            shutil.copy(path, folder)
        together.wait()  # both are done before either moves its files into place

    monkeypatch.setattr(synthetic, "write_records", write_and_wait)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(records.find("synthetic"))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert found[0] == found[1]
    assert found[0].fingerprint == synthetic_source.fingerprint
    assert [p.name for p in physionet.cache_directory().iterdir()] == [found[0].directory.name]


# Reading


def test_a_record_is_read_in_millivolts_with_its_beats(write_record):
    path = write_record(r_peaks=[10, 400, 800, 1200], symbols="N+VA")
    record = records.read_record(path)
    assert (record.name, record.fs, record.leads) == ("one", 360, ("MLII", "V1"))
    assert record.signals.shape == (7200, 2)
    assert np.abs(record.signals).max() <= 2  # 400 adu at 200 adu/mV
    adu = record.signals * 200
    assert np.abs(adu - adu.round()).max() < 1e-9
    assert record.r_peaks.tolist() == [10, 800, 1200]  # a change of rhythm is no beat
    assert record.symbols.tolist() == ["N", "V", "A"]


def test_one_lead_can_be_read_alone(write_record):
    path = write_record(leads=("V5", "MLII"))
    both = records.read_record(path)
    for name, column in (("MLII", 1), ("V5", 0), ("first", 0)):
        one = records.read_record(path, name)
        assert one.signals.shape == (7200, 1)
        assert (one.signals[:, 0] == both.signals[:, column]).all()
        assert (both.lead(name) == both.signals[:, column]).all()
    assert records.read_record(path, "first").leads == ("V5",)


def test_a_lead_that_is_missing_is_named_with_those_there_are(write_record):
    path = write_record(leads=("V5", "V2"))
    sentence = r"Record one has no lead 'MLII': it has V5, V2\."
    with pytest.raises(InputError, match=sentence):
        records.read_record(path, "MLII")
    with pytest.raises(InputError, match=sentence):
        records.read_record(path).lead()


@pytest.mark.parametrize("kind", ["hea", "dat", "atr"])
def test_a_missing_file_is_named(write_record, kind):
    path = write_record()
    path.with_suffix(f".{kind}").unlink()
    with pytest.raises(InputError, match=rf"one\.{kind} is missing"):
        records.read_record(path)


@pytest.mark.parametrize("size", [0, 1, 10_000, 21_599])
def test_a_signal_file_cut_short_does_not_fit_its_header(write_record, size):
    path = write_record()
    whole = path.with_suffix(".dat").read_bytes()
    assert len(whole) == 7200 * 3  # format 212: two samples in three bytes
    path.with_suffix(".dat").write_bytes(whole[:size])
    with pytest.raises(InputError, match=r"one cannot be read: its header and signal file do not"):
        records.read_record(path)


def test_a_header_of_something_else_is_refused(write_record):
    path = write_record()
    for content in (b"", b"<html>", bytes(range(256))):
        path.with_suffix(".hea").write_bytes(content)
        with pytest.raises(InputError, match="one cannot be read"):
            records.read_record(path)


@pytest.mark.parametrize("seed", range(20))
def test_annotations_of_random_bytes_are_refused(write_record, seed):
    path = write_record()
    path.with_suffix(".atr").write_bytes(np.random.default_rng(seed).bytes(2000) + b"\0\0")
    with pytest.raises(InputError, match=r"one\.atr is not a readable WFDB annotation file"):
        records.read_record(path)


def test_annotations_beyond_the_signal_are_those_of_another_record(write_record):
    path = write_record(r_peaks=[100, 7200])
    with pytest.raises(InputError, match=r"one\.atr marks a beat at sample 7200, .* has 7200"):
        records.read_record(path)
    assert records.read_record(write_record("two", r_peaks=[100, 7199])).r_peaks[-1] == 7199


def test_samples_without_a_value_are_counted_and_the_first_is_named(write_record):
    path = write_record()
    content = bytearray(path.with_suffix(".dat").read_bytes())
    # -2048, WFDB's sign in format 212 for a sample without a value, is 0x800 in twelve bits. In a
    # triple of bytes the first sample is byte 0 and the lower half of byte 1, the second byte 2 and
    # its upper half.
    content[3 * 50] = 0
    content[3 * 50 + 1] = content[3 * 50 + 1] & 0xF0 | 0x08
    content[3 * 60 + 2] = 0
    content[3 * 60 + 1] = content[3 * 60 + 1] & 0x0F | 0x80
    path.with_suffix(".dat").write_bytes(content)
    with pytest.raises(InputError, match=r"has 2 samples without a value, the first at sample 50"):
        records.read_record(path)
    with pytest.raises(InputError, match=r"has 1 samples without a value, the first at sample 60"):
        records.read_record(path, "V1")


# On MIT-BIH

COUNTS = {  # of the .atr files: N, S, V, F, Q
    ("DS1", "ec57"): [45834, 976, 3788, 415, 8],
    ("DS2", "ec57"): [44046, 2050, 3221, 388, 7],
    ("DS1", "literature"): [45866, 944, 3788, 415, 8],
    ("DS2", "literature"): [44259, 1837, 3221, 388, 7],
}


def test_all_labels_of_mit_bih_are_counted(mitdb):
    for names, half in ((splits.DS1, "DS1"), (splits.DS2, "DS2")):
        symbols = np.concatenate([records.read_annotations(mitdb.directory / n)[1] for n in names])
        for mapping in ("ec57", "literature"):
            counts = aami.counts(aami.encode(symbols, mapping))
            assert list(counts.values()) == COUNTS[half, mapping]


def test_record_114_has_its_leads_the_other_way_round(mitdb):
    record = mitdb.read("114")
    assert record.leads == ("V5", "MLII")
    assert (record.lead() == record.signals[:, 1]).all()
    assert mitdb.read("114", "first").leads == ("V5",)
    assert mitdb.read("100").leads == ("MLII", "V5")
    assert record.signals.shape == (650_000, 2)
    assert record.fs == 360


def test_records_102_and_104_have_no_mlii(mitdb):
    for name in ("102", "104"):
        with pytest.raises(InputError, match=rf"Record {name} has no lead 'MLII': it has V5, V2"):
            records.read_record(mitdb.directory / name, "MLII")


def test_a_flipped_bit_in_mit_bih_is_found(mitdb, tmp_path, monkeypatch):
    for path in mitdb.directory.glob("*.*"):
        if path.name in physionet.SHA256:
            (tmp_path / path.name).symlink_to(path.resolve())
    content = bytearray((mitdb.directory / "208.dat").read_bytes())
    content[123_456] ^= 0x10
    (tmp_path / "208.dat").unlink()
    (tmp_path / "208.dat").write_bytes(content)
    monkeypatch.setenv("ECGKIT_DATA", str(tmp_path))
    with pytest.raises(InputError, match=r"^208\.dat differs from PhysioNet's SHA-256"):
        records.find()


def test_all_synthetic_records_stand_in_for_those_of_mitdb():
    # A page asks for one record of MIT-BIH by name; it must run where only synthetic ones are.
    assert records.find("synthetic", ["223"]).records == synthetic.NAMES
    assert records.find("synthetic", ["syn02"]).records == ("syn02",)
    with pytest.raises(InputError, match="'999'"):
        records.find("synthetic", ["999"])
