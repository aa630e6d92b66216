"""Where recordings come from: find, verify and download the databases of PhysioNet.

A database is looked for in this order: the folder that its environment variable names; for all but
MIT-BIH also a folder of its name beside MIT-BIH's; the per-user cache; PhysioNet. Every file in use
must have the SHA-256 that PhysioNet publishes. A folder that is given but incomplete or damaged is
an error, never a reason to look elsewhere. Only where MIT-BIH is nowhere to be had do the synthetic
records of :mod:`ecgkit.data.synthetic` stand in for it, with a warning.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import tempfile
import threading
import warnings
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from ecgkit import InputError
from ecgkit.data import synthetic
from ecgkit.data.wfdb_io import Record, read_record

ADDRESSES = (
    "https://physionet.org/files/{name}/{version}/",
    "https://physionet-open.s3.amazonaws.com/{name}/{version}/",
)
PROBE_TIMEOUT_S = 3.0
STALL_TIMEOUT_S = 30.0

SYNTHETIC_BANNER = (
    "SYNTHETIC DATA: MIT-BIH is neither on this machine nor within reach, so this runs on "
    "computer-made ECGs. No number below says anything about a patient. For the real data set "
    "ECGKIT_DATA to a folder that holds MIT-BIH 1.0.0, or run again with a network connection."
)


class SourceNotFound(InputError):
    """A database that is neither on this machine nor within reach."""


@dataclass(frozen=True)
class Database:
    """A database of PhysioNet.

    Attributes
    ----------
    name : str
        As in PhysioNet's addresses, such as ``"mitdb"``.
    title : str
        As in messages.
    variable : str
        The environment variable that names its folder.
    left_out : tuple of str
        Records that are read only when asked for.
    version : str
    """

    name: str
    title: str
    variable: str
    left_out: tuple[str, ...] = ()
    version: str = "1.0.0"

    @functools.cached_property
    def sha256(self) -> dict[str, str]:
        """File name -> SHA-256 as PhysioNet publishes it, for the files of all records."""
        text = Path(__file__).with_name("sha256").joinpath(f"{self.name}.txt").read_text("ascii")
        return {file: digest for digest, file in map(str.split, text.splitlines())}

    @property
    def known(self) -> tuple[str, ...]:
        """Names of all records."""
        return tuple(sorted({Path(file).stem for file in self.sha256}))

    @property
    def records(self) -> tuple[str, ...]:
        """Names of the records in use unless others are asked for."""
        return tuple(name for name in self.known if name not in self.left_out)

    def sums(self, names: Iterable[str]) -> dict[str, str]:
        """File name -> SHA-256, of some records."""
        names = set(names)
        return {file: sha for file, sha in self.sha256.items() if Path(file).stem in names}


PACED = ("102", "104", "107", "217")
"""Records of MIT-BIH with paced beats, which AAMI leaves out (paper, section II-A)."""

_TITLE = "MIT-BIH {} Database"
_MITDB = Database("mitdb", _TITLE.format("Arrhythmia"), "ECGKIT_DATA", left_out=PACED)
_SVDB = Database("svdb", _TITLE.format("Supraventricular Arrhythmia"), "ECGKIT_SVDB")
_NSTDB = Database("nstdb", _TITLE.format("Noise Stress Test"), "ECGKIT_NOISE")
DATABASES = {database.name: database for database in (_MITDB, _SVDB, _NSTDB)}
"""Name -> database."""


@dataclass(frozen=True)
class Source:
    """Recordings that were found.

    Attributes
    ----------
    name : str
        Name of the database, or ``"synthetic"``.
    directory : Path
        The folder that holds the files.
    records : tuple of str
        Names of the records in use.
    fingerprint : str
        First 16 hexadecimal digits of the SHA-256 over the SHA-256 of each file in use.
    """

    name: str
    directory: Path
    records: tuple[str, ...]
    fingerprint: str

    @property
    def is_synthetic(self) -> bool:
        """Whether the records are computer-made."""
        return self.name == "synthetic"

    def read(self, record: str, lead: str | None = None) -> Record:
        """Read one record; see :func:`ecgkit.data.wfdb_io.read_record`."""
        return read_record(self.directory / record, lead, annotated=self.name != "nstdb")


def find_source(
    name: str | None = None, records: Sequence[str] | None = None, download: bool = True
) -> Source:
    """Find recordings, and download them where they are not yet on this machine.

    Parameters
    ----------
    name : str, optional
        A key of :data:`DATABASES`, or ``"synthetic"``. None takes the environment variable
        ``ECGKIT_SOURCE``, or else MIT-BIH where it can be had and the synthetic records, with a
        warning, where not.
    records : sequence of str, optional
        Names of the records wanted; only these are downloaded. None takes all that the database
        uses (44 of MIT-BIH), of svdb and nstdb those that are in the folder given. The synthetic
        source gives all its records where names of MIT-BIH are asked for.
    download : bool
        False looks on this machine only.

    Raises
    ------
    InputError
        If a folder given is incomplete or damaged, a record name is unknown, a download breaks off,
        or the database named is not to be had (:class:`SourceNotFound`).
    """
    name = name or os.environ.get("ECGKIT_SOURCE") or None
    if name == "synthetic":
        return _find_synthetic(records)
    if name is not None and name not in DATABASES:
        raise InputError(f"No data source {name!r}: use {', '.join(DATABASES)} or synthetic.")
    try:
        return _find_database(DATABASES[name or "mitdb"], records, download)
    except SourceNotFound:
        if name is not None:
            raise
    warnings.warn(SYNTHETIC_BANNER, stacklevel=2)
    return _find_synthetic(records)


def _find_database(database: Database, records: Sequence[str] | None, download: bool) -> Source:
    names = database.records if records is None else _select(records, database.known)
    directory = _given_folder(database)
    if directory is None:
        directory = cache_directory() / f"{database.name}-{database.version}"
        if wrong := wrong_files(directory, database.sums(names)):
            _download(database, wrong, directory, _address_that_answers(database, download))
        return Source(database.name, directory, names, fingerprint(database.sums(names)))
    if records is None and database is not DATABASES["mitdb"]:  # of the others, some are enough
        there = {path.stem for path in directory.glob("*.*") if path.name in database.sha256}
        names = tuple(name for name in names if name in there) or names
    sums = database.sums(names)
    if wrong := wrong_files(directory, sums):
        raise InputError(
            f"{wrong[0]} in {directory} is missing or differs from PhysioNet's SHA-256 "
            f"({len(wrong)} of {len(sums)} files): download the {database.title} "
            f"{database.version} again, or let {database.variable} name another folder."
        )
    return Source(database.name, directory, names, fingerprint(sums))


def _select(wanted: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Put the names wanted in the order of those known; refuse others."""
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        raise InputError(
            f"No record {', '.join(map(repr, unknown)) or 'is named'}: there are {' '.join(known)}."
        )
    return tuple(name for name in known if name in wanted)


def _given_folder(database: Database) -> Path | None:
    """Name the folder that the user has given for a database, if any."""
    if given := os.environ.get(database.variable):
        return Path(given).expanduser()
    mitdb = os.environ.get("ECGKIT_DATA")
    beside = Path(mitdb or "").expanduser().resolve().parent / database.name
    return beside if mitdb and database.name != "mitdb" and beside.is_dir() else None


def _find_synthetic(records: Sequence[str] | None) -> Source:
    """Find the synthetic records in the cache; write them there first where needed."""
    if records and set(records) <= set(DATABASES["mitdb"].known):
        records = None  # a page that asks for a record of MIT-BIH runs on the synthetic ones, too
    names = synthetic.NAMES if records is None else _select(records, synthetic.NAMES)
    directory = cache_directory() / f"synthetic-{synthetic.VERSION}"
    if not all((directory / file).is_file() for file in synthetic.FILES):
        _write_synthetic(directory)
    files = [file for file in synthetic.FILES if Path(file).stem in names]
    sums = {file: _sha256(directory / file) for file in files}
    return Source("synthetic", directory, names, fingerprint(sums))


def _write_synthetic(directory: Path) -> None:
    """Write the synthetic records beside their folder, then move each file into it."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="synthetic-", dir=directory.parent) as draft:
            synthetic.write_records(Path(draft))
            for file in synthetic.FILES:  # another process that does the same writes the same
                os.replace(Path(draft) / file, directory / file)
    except OSError as error:
        raise InputError(
            f"The synthetic records cannot be written to {directory}: {error.strerror}. Let "
            "XDG_CACHE_HOME name another folder."
        ) from error


def cache_directory() -> Path:
    """Per-user folder for downloads, synthetic records and beats."""
    return Path(_pooch().os_cache("ecgkit-book"))


def _pooch() -> ModuleType:
    with warnings.catch_warnings():  # pooch takes tqdm.auto, which asks every notebook for widgets
        warnings.simplefilter("ignore")
        import pooch
    return pooch


def fingerprint(sums: Mapping[str, str]) -> str:
    """Condense file names and their SHA-256 into 16 hexadecimal digits.

    Examples
    --------
    >>> fingerprint({"b": "2", "a": "1"}) == fingerprint({"a": "1", "b": "2"})
    True
    """
    lines = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def wrong_files(directory: Path, sums: Mapping[str, str]) -> list[str]:
    """Name the files of `sums` that are missing from a folder, unreadable or different."""

    def is_right(name: str) -> bool:
        with contextlib.suppress(OSError):
            return _sha256(directory / name) == sums[name]
        return False

    with ThreadPoolExecutor() as pool:  # hashing releases Python's lock
        right = dict(zip(sums, pool.map(is_right, sums), strict=True))
    return [name for name in sums if not right[name]]


def _address_that_answers(database: Database, download: bool) -> str:
    """Find the first address that serves a database: within seconds, network or not."""
    addresses = [a.format(name=database.name, version=database.version) for a in ADDRESSES]
    for address in addresses if download else ():
        if _answers(database, address):
            return address
    tried = f", and neither {' nor '.join(addresses)} answers" if download else ""
    raise SourceNotFound(
        f"The {database.title} is not in {cache_directory()}{tried}. Run this once on a machine "
        f"with network, or set {database.variable} to a folder that holds it."
    )


def _answers(database: Database, address: str) -> bool:
    """Whether an address serves a small file of a database, to the byte."""
    import requests

    file = next(name for name in database.sha256 if name.endswith(".hea"))
    answers = []

    def ask() -> None:
        with contextlib.suppress(requests.RequestException):
            reply = requests.get(address + file, timeout=PROBE_TIMEOUT_S)
            digest = hashlib.sha256(reply.content).hexdigest()
            answers.append(reply.ok and digest == database.sha256[file])

    # requests' timeout bounds each wait, not all of them together, and no name look-up at all.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(PROBE_TIMEOUT_S)
    return answers == [True]


def _download(database: Database, names: list[str], directory: Path, address: str) -> None:
    """Download files; pooch moves each into place only after its hash is right."""
    from tqdm import tqdm

    pooch, sums = _pooch(), {name: database.sha256[name] for name in names}
    pooch.get_logger().setLevel("ERROR")
    fetcher = pooch.create(directory, address, registry=sums, retry_if_failed=2)
    downloader = pooch.HTTPDownloader(timeout=STALL_TIMEOUT_S)
    host = address.split("/")[2]
    pool = ThreadPoolExecutor(4)
    try:
        jobs = pool.map(lambda name: fetcher.fetch(name, downloader=downloader), names)
        for _ in tqdm(jobs, f"{database.name} from {host}", len(names), unit="file"):
            pass
    except (OSError, ValueError) as error:  # requests raises the first, a wrong hash the second
        pool.shutdown(cancel_futures=True)  # files on their way land before they are counted
        raise InputError(
            f"The download of the {database.title} from {host} broke off with "
            f"{len(wrong_files(directory, sums))} of {len(names)} files to go ({error}). Run the "
            f"same again: files already complete in {directory} are kept."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)
