"""The project's address: show it, rewrite every copy of it, or check them.

::

    python book/tools/address.py                                  # show it
    python book/tools/address.py https://github.com/OWNER/REPO    # rewrite every copy
    python book/tools/address.py --check                          # 1 if a copy differs

It is kept in ``pyproject.toml`` (``project.urls.Repository``). After a teacher has rewritten it in
a fork, the pages there open, and its notebooks install, what the fork holds.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAME = r"[A-Za-z0-9](?:[\w.-]*\w)?"  # of an owner or a repository
ADDRESS = re.compile(rf"https://([\w-]+(?:\.[\w-]+)+)/({NAME})/({NAME})")
END = r"(?![\w-]|\.(?!git\b)\w)"  # the name ends here: "book", not "book-2" or "book.js"


class AddressError(ValueError):
    """An address, or the folder it is to be written into, cannot be used; the message says why."""


def parse(url: str) -> tuple[str, str, str]:
    """Host, owner and repository of an address."""
    found = ADDRESS.fullmatch(url.removesuffix("/").removesuffix(".git"))
    if not found:
        raise AddressError(f"{url!r} is not a project's address: expected https://host/owner/repo.")
    return found[1], found[2], found[3]


def current(root: Path) -> str:
    """The address in ``pyproject.toml``."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["urls"]["Repository"])


def forms(url: str) -> list[str]:
    """What pages write of an address: the repository, its raw files, in Colab, its web pages."""
    host, owner, repo = parse(url)
    return [
        f"{host}/{owner}/{repo}",
        f"raw.githubusercontent.com/{owner}/{repo}",
        f"colab.research.google.com/github/{owner}/{repo}",
        f"{owner.lower()}.github.io/{repo}",
    ]


def texts(root: Path) -> dict[Path, str]:
    """Text of every file that git tracks or would track."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if listed.returncode:
        raise AddressError(f"git cannot list the files of {root}: {listed.stderr.strip()}")
    paths = sorted({root / name for name in listed.stdout.split("\0") if name})
    contents = {path: path.read_bytes() for path in paths if path.is_file()}
    return {p: c.decode(errors="surrogateescape") for p, c in contents.items() if b"\0" not in c}


def rewrite(url: str, root: Path) -> list[Path]:
    """Write a new address wherever the present one stands; the files that changed."""
    pairs = list(zip(forms(current(root)), forms(url), strict=True))
    changed = []
    for path, text in texts(root).items():
        new_text = text
        for old, new in pairs:
            new_text = re.sub(rf"(?<![\w.-]){re.escape(old)}{END}", new, new_text, flags=re.I)
        if new_text != text:
            path.write_bytes(new_text.encode(errors="surrogateescape"))
            changed.append(path)
    return changed


def strangers(root: Path) -> list[str]:
    """Say where a file opens in Colab, installs or shows the pages of another repository."""
    _, owner, repo = parse(current(root))
    pattern = re.compile(
        rf"colab\.research\.google\.com/github/({NAME}/{NAME})"
        rf"|ecgkit-book @ git\+https://[\w.-]+/({NAME}/{NAME})"
        rf"|(?<![\w.-])({NAME})\.github\.io/{re.escape(repo)}{END}"
    )
    complaints = []
    for path, text in texts(root).items():
        for m in pattern.finditer(text):
            shown = (m[1] or m[2] or f"{m[3]}/{repo}").removesuffix(".git")
            if shown.lower() != f"{owner}/{repo}".lower():
                where = f"{path.relative_to(root)}, line {text.count(chr(10), 0, m.start()) + 1},"
                complaints.append(f"{where} shows {shown}, but the project is {owner}/{repo}.")
    return complaints


def main(argv: list[str] | None = None, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(description="Show, rewrite or check the project's address.")
    parser.add_argument("url", nargs="?", help="new address, https://host/owner/repo")
    parser.add_argument("--check", action="store_true", help="1 if a file shows another address")
    options = parser.parse_args(argv)
    try:
        if options.check:
            complaints = strangers(root)
            print("\n".join(complaints) or f"Every file shows {current(root)}.")
            return 1 if complaints else 0
        if options.url:
            for path in rewrite(options.url, root):
                print(path.relative_to(root))
            if not options.url.startswith("https://github.com/"):
                print("Colab and GitHub Pages serve github.com only: their links will not work.")
        print(current(root))
    except AddressError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
