"""Recordings are looked for in one order and verified; downloads are complete or an error."""

import hashlib
import http.server
import shutil
import socket
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from ecgkit import InputError
from ecgkit.data import sources, splits
from ecgkit.data.sources import DATABASES, Database, SourceNotFound, find_source


@pytest.fixture(autouse=True)
def nothing_given_at_all(nothing_given, monkeypatch):
    for database in DATABASES.values():
        monkeypatch.delenv(database.variable, raising=False)


def sums_of(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def make_database(folder, name, variable, left_out=()):
    """A database whose published hashes are those of a folder."""
    database = Database(name, f"Test {name}", variable, left_out)
    vars(database)["sha256"] = sums_of(folder)
    return database


def make_files(folder, names, kinds=("hea", "dat", "atr")):
    folder.mkdir()
    rng = np.random.default_rng(0)
    sizes = {"hea": 80, "dat": 60_000, "atr": 900}
    for name in names:
        for kind in kinds:
            (folder / f"{name}.{kind}").write_bytes(rng.bytes(sizes[kind]))
    return folder


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """A folder that stands in for MIT-BIH 1.0.0: two records, and one that is left out."""
    folder = make_files(tmp_path / "archive", ("100", "101", "102"))
    database = make_database(folder, "mitdb", "ECGKIT_DATA", ("102",))
    monkeypatch.setitem(DATABASES, "mitdb", database)
    return folder


@pytest.fixture
def svdb(tmp_path, monkeypatch):
    """A folder that stands in for the Supraventricular Arrhythmia Database: three records."""
    folder = make_files(tmp_path / "svdb", ("800", "801", "802"))
    monkeypatch.setitem(DATABASES, "svdb", make_database(folder, "svdb", "ECGKIT_SVDB"))
    return folder


@pytest.fixture
def place():
    """Where downloads of MIT-BIH are kept."""
    return sources.cache_directory() / "mitdb-1.0.0"


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves a folder, with a fault for each file named in the server's ``faults``."""

    def do_GET(self):
        name = self.path.rpartition("/")[2]
        self.server.asked.append(name)
        fault = self.server.faults.get(name, self.server.faults.get("*"))
        if isinstance(fault, int):
            self.send_error(fault)
            return
        content = (self.server.folder / name).read_bytes()
        if fault == "other bytes":
            content = b"<html>Sign in to the network</html>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        half = len(content) // 2 if fault in ("cut short", "stalls", "drips") else len(content)
        self.wfile.write(content[:half])
        self.wfile.flush()
        if fault == "stalls":
            self.server.closing.wait(30)
        elif fault == "drips":
            for i in range(half, len(content)):
                if self.server.closing.wait(0.1):
                    return
                self.wfile.write(content[i : i + 1])

    def log_message(self, *_):
        """Keep quiet."""


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Clients that hang up are part of the tests."""


@pytest.fixture
def server(archive, monkeypatch):
    """A server on this machine in the place of PhysioNet."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("pooch.core.time", SimpleNamespace(sleep=lambda _: None))  # between tries
    with Server(("127.0.0.1", 0), Handler) as server:
        server.folder, server.faults, server.asked = archive, {}, []
        server.closing = threading.Event()
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        server.address = f"http://127.0.0.1:{server.server_port}/{{name}}/{{version}}/"
        monkeypatch.setattr(sources, "ADDRESSES", (server.address,))
        yield server
        server.closing.set()
        server.shutdown()


@pytest.fixture
def dead_address():
    """An address of this machine where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{probe.getsockname()[1]}/"


# The databases


def test_mit_bih_has_44_records_without_the_four_with_paced_beats():
    mitdb = DATABASES["mitdb"]
    assert sources.fingerprint(mitdb.sums(mitdb.records)) == "eac6456330bbdcb2"  # of all results
    assert sources.PACED == ("102", "104", "107", "217")
    assert set(mitdb.records) == {*splits.DS1, *splits.DS2}
    assert (len(mitdb.records), len(mitdb.known)) == (44, 48)
    assert len(mitdb.sha256) == 48 * 3


def test_the_other_databases_have_the_records_that_physionet_lists():
    svdb, nstdb = DATABASES["svdb"], DATABASES["nstdb"]
    assert (len(svdb.records), svdb.records[0], svdb.records[-1]) == (78, "800", "894")
    assert len(svdb.sha256) == 78 * 3
    assert set(nstdb.sha256) == {"bw.dat", "bw.hea", "ma.dat", "ma.hea"}
    for database in DATABASES.values():
        assert all(len(digest) == 64 for digest in database.sha256.values())


# Where they are looked for


def test_the_folder_that_is_named_comes_first(archive, server, place, monkeypatch):
    monkeypatch.setenv("ECGKIT_DATA", str(archive))
    source = find_source()
    assert (source.name, source.directory, source.records) == ("mitdb", archive, ("100", "101"))
    assert not source.is_synthetic
    assert find_source(records=["102", "100", "102"]).records == ("100", "102")
    assert not server.asked
    assert not place.exists()


@pytest.mark.parametrize("name", [None, "mitdb"])
@pytest.mark.parametrize("fault", ["missing", "flipped bit", "empty", "a folder"])
def test_a_named_folder_that_is_wrong_is_an_error_whatever_else_there_is(
    archive, server, place, tmp_path, monkeypatch, name, fault
):
    shutil.copytree(archive, place)
    named = shutil.copytree(archive, tmp_path / "named")
    broken = named / "101.dat"
    content = bytearray(broken.read_bytes())
    broken.unlink()
    if fault == "a folder":
        broken.mkdir()
    elif fault != "missing":
        content[30_000] ^= 1
        broken.write_bytes(b"" if fault == "empty" else content)
    monkeypatch.setenv("ECGKIT_DATA", str(named))
    with pytest.raises(InputError, match=r"101\.dat.*named.*1 of 6.*ECGKIT_DATA"):
        find_source(name)
    assert not server.asked
    # The records asked for are complete, so for these the folder will do.
    assert find_source(name, ["100"]).directory == named


@pytest.mark.parametrize("kind", ["nowhere", "a file"])
def test_a_name_of_no_folder_is_an_error(archive, server, tmp_path, monkeypatch, kind):
    path = tmp_path / "given"
    if kind == "a file":
        path.write_text("")
    monkeypatch.setenv("ECGKIT_DATA", str(path))
    with pytest.raises(InputError, match=r"no folder.*ECGKIT_DATA"):
        find_source()
    assert not server.asked
    monkeypatch.setenv("ECGKIT_DATA", str(archive.parent))  # an archive unpacked one level deeper
    with pytest.raises(InputError, match=f"missing.*ECGKIT_DATA to {archive}"):
        find_source()


def test_an_empty_variable_names_nothing_and_the_cache_comes_before_the_network(
    archive, server, place, monkeypatch
):
    monkeypatch.setenv("ECGKIT_DATA", "")
    shutil.copytree(archive, place)
    assert find_source().directory == place
    assert not server.asked


@pytest.mark.parametrize("records", [["../x"], ["/etc/passwd"], ["100/../101"], [""], ["999"], []])
def test_unknown_records_and_sources_are_refused(archive, records):
    for name in ("mitdb", "synthetic"):
        with pytest.raises(InputError, match="record"):
            find_source(name, records)
    with pytest.raises(InputError, match=r"'auto'.*mitdb"):
        find_source("auto")


def test_a_folder_of_the_other_databases_may_hold_some_records_only(svdb, monkeypatch):
    (svdb / "803.hea").write_text("of another database")
    for file in svdb.glob("801.*"):
        file.unlink()
    monkeypatch.setenv("ECGKIT_SVDB", str(svdb))
    source = find_source("svdb")
    assert (source.name, source.records) == ("svdb", ("800", "802"))
    assert find_source("svdb", ["800", "802"]) == source
    assert find_source("svdb", ["800"]).fingerprint != source.fingerprint
    with pytest.raises(InputError, match=r"801\."):
        find_source("svdb", ["801"])
    (svdb / "802.atr").unlink()  # a record that is there must be complete
    with pytest.raises(InputError, match=r"802\.atr.*ECGKIT_SVDB"):
        find_source("svdb")
    for file in svdb.glob("80*"):
        file.unlink()
    with pytest.raises(InputError, match=r"9 of 9"):
        find_source("svdb")


def test_the_other_databases_are_found_beside_mit_bih(svdb, tmp_path, monkeypatch):
    monkeypatch.setenv("ECGKIT_DATA", str(tmp_path / "mitdb"))
    assert find_source("svdb").directory == svdb
    monkeypatch.setenv("ECGKIT_SVDB", str(tmp_path / "elsewhere"))
    with pytest.raises(InputError, match="elsewhere"):
        find_source("svdb")


def test_noise_has_no_beats(tmp_path, write_record, monkeypatch):
    shutil.move(write_record("bw").with_suffix(".atr"), tmp_path / "other")
    monkeypatch.setitem(DATABASES, "nstdb", make_database(tmp_path, "nstdb", "ECGKIT_NOISE"))
    monkeypatch.setenv("ECGKIT_NOISE", str(tmp_path))
    record = find_source("nstdb", ["bw"]).read("bw", "first")
    assert (record.signals.shape, len(record.r_peaks)) == ((7200, 1), 0)


# Where nothing is to be had


def test_by_default_synthetic_records_stand_in_with_a_warning(archive, dead_address, monkeypatch):
    monkeypatch.setattr(sources, "ADDRESSES", (dead_address, dead_address))
    with pytest.warns(UserWarning, match="SYNTHETIC"):
        source = find_source()
    assert source.is_synthetic
    assert source.records == sources.SYNTHETIC


@pytest.mark.parametrize("name", ["mitdb", "svdb", "nstdb"])
def test_a_database_that_is_named_is_never_replaced(dead_address, monkeypatch, name):
    monkeypatch.setattr(sources, "ADDRESSES", (dead_address,))
    with pytest.raises(SourceNotFound, match="reach"):
        find_source(name)
    monkeypatch.setenv("ECGKIT_SOURCE", name)
    with pytest.raises(SourceNotFound):
        find_source()


def test_without_leave_to_download_no_address_is_asked(archive, server):
    with pytest.raises(SourceNotFound, match="ECGKIT_DATA"):
        find_source("mitdb", download=False)
    with pytest.warns(UserWarning, match="SYNTHETIC"):
        assert find_source(download=False).is_synthetic
    assert not server.asked


def test_a_name_server_that_does_not_answer_is_not_waited_for(archive, monkeypatch):
    over, waited = threading.Event(), []

    def hang(*_, **__):
        waited.append(over.wait(30))
        raise socket.gaierror("no such name")

    monkeypatch.setattr(sources, "PROBE_TIMEOUT_S", 0.3)
    monkeypatch.setattr(sources, "ADDRESSES", 2 * ("http://mitdb.invalid/",))
    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with pytest.warns(UserWarning, match="SYNTHETIC"):
        find_source()
    assert not waited
    over.set()


@pytest.mark.parametrize("fault", ["other bytes", "drips", 404])
def test_a_wrong_or_slow_answer_is_not_taken_for_physionet(
    archive, server, place, monkeypatch, fault
):
    # "drips": each byte comes within the time-out; the forty together do not.
    server.faults["*"] = fault
    monkeypatch.setattr(sources, "PROBE_TIMEOUT_S", 0.3)
    with pytest.raises(SourceNotFound):
        find_source("mitdb")
    assert len(server.asked) == 1
    assert not place.exists()


# Download


def test_a_download_brings_the_files_of_the_records_wanted_and_no_others(archive, server, place):
    assert find_source(records=["101"]).records == ("101",)
    assert set(sums_of(place)) == {"101.hea", "101.dat", "101.atr"}
    source = find_source()
    assert (source.name, source.directory) == ("mitdb", place)
    published = DATABASES["mitdb"].sums(["100", "101"])
    assert sums_of(place) == published
    assert source.fingerprint == sources.fingerprint(published)


def test_every_database_is_downloaded_from_its_own_folder(archive, server, svdb):
    server.folder = svdb
    source = find_source("svdb")
    assert source.directory == sources.cache_directory() / "svdb-1.0.0"
    assert sums_of(source.directory) == sums_of(svdb)


@pytest.mark.parametrize("name", [None, "mitdb"])
@pytest.mark.parametrize("fault", [404, 500, "cut short", "other bytes", "stalls"])
def test_a_download_that_breaks_off_leaves_complete_files_and_can_be_run_again(
    archive, server, place, monkeypatch, name, fault
):
    place.mkdir(parents=True)
    (place / "101.dat").write_bytes(b"old")
    server.faults["101.dat"] = fault
    monkeypatch.setattr(sources, "STALL_TIMEOUT_S", 0.2)
    with pytest.raises(InputError) as caught:
        find_source(name)
    assert not isinstance(caught.value, SourceNotFound)
    complete, wanted = sums_of(place), DATABASES["mitdb"].sums(["100", "101"])
    assert (place / "101.dat").read_bytes() == b"old"  # until the right one is complete
    del complete["101.dat"]
    assert complete.items() <= wanted.items()
    assert f"{len(wanted) - len(complete)} of 6" in str(caught.value)
    assert server.asked.count("101.dat") == 3  # tried again twice

    server.faults.clear()
    server.asked.clear()
    assert find_source(name).name == "mitdb"
    assert sums_of(place) == wanted
    assert set(server.asked) == {*wanted.keys() - complete.keys(), "100.hea"}


@pytest.mark.filterwarnings("error")
def test_the_second_address_is_taken_where_the_first_is_dead(
    archive, server, place, dead_address, monkeypatch
):
    monkeypatch.setattr(sources, "ADDRESSES", (dead_address, server.address))
    assert find_source().directory == place


def test_a_cache_that_cannot_be_written_is_an_input_error(server, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(InputError, match="directory"):
        find_source("mitdb")


# The synthetic records


def test_one_synthetic_record_can_be_asked_for_and_all_stand_in_for_one_of_mit_bih(monkeypatch):
    monkeypatch.setenv("ECGKIT_SOURCE", "synthetic")
    source = find_source()
    assert source.name == "synthetic"
    assert find_source(records=["syn03"]).records == ("syn03",)
    assert find_source(records=["syn03"]).fingerprint != source.fingerprint
    # A page asks for one record of MIT-BIH by name; it must run where only synthetic ones are.
    assert find_source("synthetic", ["223"]) == source
