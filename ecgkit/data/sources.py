"""Where recordings come from: find, verify and download the databases of PhysioNet.

A database is looked for in the folder that its environment variable names, or in one of its name
beside MIT-BIH's; then in the per-user cache; then at PhysioNet. Every file in use must have the
SHA-256 that PhysioNet publishes: a given folder that is incomplete or damaged is an error. Only for
MIT-BIH do the synthetic records of this library stand in, with a warning.
"""

import contextlib
import functools
import hashlib
import os
import threading
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ecgkit import InputError
from ecgkit.data.wfdb_io import Record, read_record

ADDRESSES = (
    "https://physionet.org/files/{name}/{version}/",
    "https://physionet-open.s3.amazonaws.com/{name}/{version}/",
)
PROBE_TIMEOUT_S, STALL_TIMEOUT_S = 3.0, 30.0

#: Twelve computer-made records that come with the library: odd ones play DS1, even ones DS2.
SYNTHETIC = tuple(f"syn{number:02}" for number in range(1, 13))
SYNTHETIC_BANNER = (
    "SYNTHETIC DATA: MIT-BIH is not within reach, so this runs on computer-made ECGs. No number "
    "below says anything about a patient. For the real data, set ECGKIT_DATA to a folder with "
    "MIT-BIH 1.0.0, or run again with a network connection."
)


class SourceNotFound(InputError):
    """A database that is neither on this machine nor within reach."""


@dataclass(frozen=True)
class Database:
    """A database of PhysioNet."""

    name: str  #: As in PhysioNet's addresses, such as ``"mitdb"``.
    title: str  #: As in messages.
    variable: str  #: The environment variable that names its folder.
    left_out: tuple[str, ...] = ()  #: Records that are read only when asked for.
    version: str = "1.0.0"

    @functools.cached_property
    def sha256(self) -> dict[str, str]:
        """File name -> SHA-256 as PhysioNet publishes it, for the files of all records."""
        text = Path(__file__).with_name("sha256").joinpath(f"{self.name}.txt").read_text("ascii")
        return {file: digest for digest, file in map(str.split, text.splitlines())}

    @property
    def known(self) -> tuple[str, ...]:
        return tuple(sorted({Path(file).stem for file in self.sha256}))

    @property
    def records(self) -> tuple[str, ...]:
        """Names of the records in use by default."""
        return tuple(name for name in self.known if name not in self.left_out)

    def sums(self, names: Sequence[str]) -> dict[str, str]:
        return {file: sha for file, sha in self.sha256.items() if Path(file).stem in names}


#: Records of MIT-BIH with paced beats, which AAMI leaves out (paper, section II-A).
PACED = ("102", "104", "107", "217")
DATABASES = {
    "mitdb": Database("mitdb", "MIT-BIH Arrhythmia Database", "ECGKIT_DATA", PACED),
    "svdb": Database("svdb", "MIT-BIH Supraventricular Arrhythmia Database", "ECGKIT_SVDB"),
    "nstdb": Database("nstdb", "MIT-BIH Noise Stress Test Database", "ECGKIT_NOISE"),
}


@dataclass(frozen=True)
class Source:
    """Recordings that were found."""

    name: str  #: Name of the database, or ``"synthetic"``.
    directory: Path  #: The folder that holds the files.
    records: tuple[str, ...]  #: Names of the records in use.
    fingerprint: str  #: See :func:`fingerprint`.

    @property
    def is_synthetic(self) -> bool:
        return self.name == "synthetic"

    def read(self, record: str, lead: str | None = None) -> Record:
        """Read one record; see :func:`ecgkit.data.wfdb_io.read_record`."""
        return read_record(self.directory / record, lead, annotated=self.name != "nstdb")


def find_source(
    name: str | None = None, records: Sequence[str] | None = None, download: bool = True
) -> Source:
    """Find recordings, and download them where they are not yet on this machine.

    ``name`` is a key of :data:`DATABASES`, or ``"synthetic"``; by default the environment variable
    ``ECGKIT_SOURCE``, else MIT-BIH where it can be had and the synthetic records where not.
    ``records`` are by default all that the database uses (44 of MIT-BIH), of svdb and nstdb those
    in the folder given; names of MIT-BIH stand for all synthetic records. Without ``download``, a
    database named but not on this machine is a `SourceNotFound`.
    """
    name = name or os.environ.get("ECGKIT_SOURCE")
    if name and name not in (*DATABASES, "synthetic"):
        raise InputError(f"No data source {name!r}: use {', '.join(DATABASES)} or synthetic.")
    if name != "synthetic":
        try:
            return _find_database(DATABASES[name or "mitdb"], records, download)
        except SourceNotFound:
            if name:
                raise
            warnings.warn(SYNTHETIC_BANNER, stacklevel=2)
    return _find_synthetic(records)


def _find_database(database: Database, records: Sequence[str] | None, download: bool) -> Source:
    names = database.records if records is None else _select(records, database.known)
    given = _given_folder(database)
    if given and records is None and database.name != "mitdb":  # of the others, some are enough
        files = [file for file in database.sha256 if (given / file).exists()]
        names = tuple(sorted({Path(file).stem for file in files})) or names
    directory = given or cache_directory() / f"{database.name}-{database.version}"
    sums = database.sums(names)
    wrong = wrong_files(directory, sums)
    if wrong and given:
        better = next((path.parent for path in given.glob(f"*/{wrong[0]}")), "another folder")
        what = "differs from PhysioNet's" if (given / wrong[0]).exists() else "is missing"
        found = f"{wrong[0]} in {given} {what}" if given.is_dir() else f"There is no folder {given}"
        raise InputError(
            f"{found} ({len(wrong)} of {len(sums)} files are missing or differ): download it "
            f"again, or set {database.variable} to {better}."
        )
    if wrong:
        if not (address := download and _first_to_answer(database)):
            raise SourceNotFound(
                f"The {database.title} is neither in {directory} nor within reach: run this once "
                f"with network, or set {database.variable} to a folder that holds it."
            )
        _download(database, wrong, directory, address)
    return Source(database.name, directory, names, fingerprint(sums))


def _select(wanted: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Put the names wanted in the order of those known; refuse others."""
    unknown = ", ".join(repr(name) for name in wanted if name not in known)
    if unknown or not wanted:
        raise InputError(f"No record {unknown or 'is named'}: there are {' '.join(known)}.")
    return tuple(name for name in known if name in wanted)


def _given_folder(database: Database) -> Path | None:
    if given := os.environ.get(database.variable):
        return Path(given).expanduser()
    mitdb = os.environ.get("ECGKIT_DATA")
    beside = Path(mitdb or "").expanduser().resolve().parent / database.name
    return beside if mitdb and beside.is_dir() else None


def _find_synthetic(records: Sequence[str] | None) -> Source:
    """Take the synthetic records that come with the library."""
    if records and set(records) <= set(DATABASES["mitdb"].known):
        records = None  # a page that asks for a record of MIT-BIH runs on the synthetic ones, too
    names = SYNTHETIC if records is None else _select(records, SYNTHETIC)
    directory = Path(__file__).with_name("synthetic_records")
    sums = {path.name: _sha256(path) for path in directory.iterdir() if path.stem in names}
    return Source("synthetic", directory, names, fingerprint(sums))


def cache_directory() -> Path:
    """Per-user folder for downloads and beats."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "ecgkit-book"


def fingerprint(sums: Mapping[str, str]) -> str:
    """Condense the SHA-256 of each file, by file name, into 16 hexadecimal digits."""
    lines = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def _sha256(path: Path) -> str:
    """Hash a file; the result is empty if the file cannot be read."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
    return ""


def wrong_files(directory: Path, sums: Mapping[str, str]) -> list[str]:
    """Name the files of `sums` that are missing from a folder, unreadable or different."""
    return [name for name, sha in sums.items() if _sha256(directory / name) != sha]


def _first_to_answer(database: Database) -> str:
    """Find the first address that serves a small file to the byte: in seconds, network or not."""
    import requests

    file = next(name for name in database.sha256 if name.endswith(".hea"))
    right: list[str] = []

    def ask(address: str) -> None:
        with contextlib.suppress(requests.RequestException):
            content = requests.get(address + file, timeout=PROBE_TIMEOUT_S).content
            if hashlib.sha256(content).hexdigest() == database.sha256[file]:
                right.append(address)

    for template in ADDRESSES:
        # requests' timeout bounds each wait, not all of them together, and no name look-up at all.
        address = template.format(name=database.name, version=database.version)
        asking = threading.Thread(target=ask, args=(address,), daemon=True)
        asking.start()
        asking.join(PROBE_TIMEOUT_S)
        if right:
            return right[0]
    return ""


def _download(database: Database, names: list[str], directory: Path, address: str) -> None:
    """Download files; pooch moves each into place only after its hash is right."""
    from tqdm import tqdm

    with warnings.catch_warnings(action="ignore"):  # pooch's tqdm.auto asks notebooks for widgets
        import pooch
    pooch.get_logger().setLevel("ERROR")
    sums = {name: database.sha256[name] for name in names}
    fetcher = pooch.create(directory, address, registry=sums, retry_if_failed=2)
    http, host = pooch.HTTPDownloader(timeout=STALL_TIMEOUT_S), address.split("/")[2]
    try:
        with ThreadPoolExecutor(4) as pool:  # once one file fails, no further ones are begun
            jobs = pool.map(lambda name: fetcher.fetch(name, downloader=http), names)
            list(tqdm(jobs, f"{database.name} from {host}", len(names)))
    except (OSError, ValueError) as error:  # requests raises the first, a wrong hash the second
        raise InputError(
            f"The download from {host} broke off with {len(wrong_files(directory, sums))} of "
            f"{len(names)} files to go ({error}). Run the same again: complete files are kept."
        ) from error
