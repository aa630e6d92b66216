"""MIT-BIH as PhysioNet publishes it: which files, their SHA-256, and how they are fetched."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import warnings
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path

import requests
from tqdm import tqdm

from ecgkit import InputError

with warnings.catch_warnings():  # pooch takes tqdm.auto, which asks every notebook for widgets
    warnings.simplefilter("ignore")
    import pooch

PACED = ("102", "104", "107", "217")
"""Records with paced beats, left out as AAMI asks (paper, section II-A)."""

ADDRESSES = (
    "https://physionet.org/files/mitdb/1.0.0/",
    "https://physionet-open.s3.amazonaws.com/mitdb/1.0.0/",
)
PROBE_TIMEOUT_S = 3.0
STALL_TIMEOUT_S = 30.0


def _published_sums() -> dict[str, str]:
    """File name -> SHA-256 as PhysioNet publishes it, for the records and the list of them."""
    text = resources.files("ecgkit").joinpath("mitdb-sha256.txt").read_text("ascii")
    return {name: digest for digest, name in (line.split() for line in text.splitlines())}


SHA256 = _published_sums()
MITDB_RECORDS = tuple(sorted({name[:3] for name in SHA256 if name.endswith(".hea")} - set(PACED)))
"""The 44 records that remain of MIT-BIH's 48."""


def cache_directory() -> Path:
    """Per-user folder for downloads, synthetic records and beats."""
    return Path(pooch.os_cache("ecgkit-book"))


def files_of(names: Iterable[str]) -> list[str]:
    """Name the three files of each record."""
    return [f"{name}.{kind}" for name in names for kind in ("hea", "dat", "atr")]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def sha256(path: Path) -> str | None:
    """Return the SHA-256 of a file, or None where there is no such file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error


def wrong_files(directory: Path, sums: dict[str, str]) -> list[str]:
    """Name the files of ``sums`` that are missing from a directory or differ."""
    with ThreadPoolExecutor() as pool:  # hashing releases Python's lock
        found = pool.map(lambda name: sha256(directory / name), sums)
        return [name for name, digest in zip(sums, found, strict=True) if digest != sums[name]]


def fingerprint(sums: dict[str, str]) -> str:
    """Condense file names and their SHA-256 into 16 hexadecimal digits.

    Examples
    --------
    >>> fingerprint({"b": "2", "a": "1"}) == fingerprint({"a": "1", "b": "2"})
    True
    """
    lines = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
    return _digest(lines.encode())[:16]


def address_that_answers() -> str | None:
    """Return the first address that serves MIT-BIH, or None: within seconds, network or not."""
    return next((address for address in ADDRESSES if _answers(address)), None)


def _answers(address: str) -> bool:
    """Say whether an address serves the list of records, to the byte."""
    answers = []

    def ask() -> None:
        with contextlib.suppress(requests.RequestException):
            reply = requests.get(address + "RECORDS", timeout=PROBE_TIMEOUT_S)
            answers.append(reply.ok and _digest(reply.content) == SHA256["RECORDS"])

    # requests' timeout bounds each wait, not all of them together, and no name look-up at all.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(PROBE_TIMEOUT_S)
    return answers == [True]


def fetch(
    names: list[str],
    directory: Path,
    address: str,
    sums: dict[str, str] | None = None,
    what: str = "MIT-BIH",
) -> None:
    """Download files, each checked before it takes its place; those already right are kept.

    Parameters
    ----------
    names
        Files wanted, keys of ``sums``.
    directory
        Where they go; made if it is not there.
    address
        One of :data:`ADDRESSES`, or another database's beside it.
    sums
        File name -> SHA-256; None for those of MIT-BIH.
    what
        The database, in words.

    Raises
    ------
    InputError
        If the download breaks off, stalls, or brings other bytes.
    """
    sums = SHA256 if sums is None else sums
    pooch.get_logger().setLevel("ERROR")
    fetcher = pooch.create(directory, address, registry=sums, retry_if_failed=2)
    download = pooch.HTTPDownloader(timeout=STALL_TIMEOUT_S)
    host = address.split("/")[2]
    pool = ThreadPoolExecutor(4)
    try:
        jobs = pool.map(lambda name: fetcher.fetch(name, downloader=download), names)
        for _ in tqdm(jobs, f"{what} from {host}", len(names), unit="file"):
            pass
    except (OSError, ValueError) as error:  # requests raises the first, a wrong hash the second
        pool.shutdown(cancel_futures=True)  # files on their way land before they are counted
        left = len(wrong_files(directory, {name: sums[name] for name in names}))
        raise InputError(
            f"The download of {what} from {host} broke off with {left} of {len(names)} files to "
            f"go ({error}). Run the same again: files already complete in {directory} are kept."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)
