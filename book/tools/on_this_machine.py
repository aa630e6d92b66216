"""The page "On this machine": what the last quick run of the notebooks found here.

Written from ``book/_build/runs/status.json``, which ``run_notebooks.py --quick`` leaves. The page
is git-ignored, because it describes the machine that built the book.
"""

from __future__ import annotations

import json
from pathlib import Path

from notebook_format import ROOT

STATUS = ROOT / "book" / "_build" / "runs" / "status.json"
PAGE = ROOT / "book" / "on_this_machine.md"

HEAD = """# On this machine

The pages of this book show outputs that were made once, at full scale, on the MIT-BIH recordings.
This page shows whether the notebooks run *here*, on the machine that built the copy you are
reading, in the quick profile.

"""

NOT_RUN = """**Not run yet.** The book was rendered without running its notebooks. `make book` runs
every one of them end to end and fills this page.
"""

SYNTHETIC = """```{warning}
These runs used the **synthetic records**, because MIT-BIH was neither on this machine nor within
reach. They show that every page works; the key figures below say nothing about patients. Set
`ECGKIT_DATA` to the folder of the MIT-BIH Arrhythmia Database and run `make book` again.
```

"""


def page_text(status: list[dict[str, object]] | None) -> str:
    """The page's Markdown; ``None`` where nothing has been run."""
    if not status:
        return HEAD + NOT_RUN
    passed = sum(bool(run["passed"]) for run in status)
    total = sum(float(str(run["seconds"])) for run in status)
    text = HEAD + f"{passed} of {len(status)} notebooks passed, in {total:.0f} seconds in all.\n\n"
    if any(run["source"] == "synthetic" for run in status):
        text += SYNTHETIC
    text += "| page | passed | seconds | data | device | key figure |\n"
    text += "| --- | --- | ---: | --- | --- | --- |\n"
    for run in status:
        data = _cell(run["source"])
        if run["fingerprint"]:
            data += f" `{str(run['fingerprint'])[:12]}`"
        text += (
            f"| {_link(run)} | {'yes' if run['passed'] else '**no**'} "
            f"| {float(str(run['seconds'])):.1f} | {data} | {_cell(run['device'])} "
            f"| {_cell(run['key_figure'])} |\n"
        )
    text += "\nThe code beside the data is its fingerprint: equal ones mean equal recordings. "
    text += "A page that reads some of the records only has a fingerprint of its own.\n"
    for run in status:
        if run["error"]:
            text += f"\n## What failed in {run['page']}\n\n````text\n{run['error']}\n````\n"
    return text


def write_page() -> Path:
    """Write the page, from the last run's status if there is one."""
    status = json.loads(STATUS.read_text()) if STATUS.is_file() else None
    PAGE.write_text(page_text(status), encoding="utf-8")
    return PAGE


def _link(run: dict[str, object]) -> str:
    return f"[{_cell(run['title'])}](../notebooks/{run['page']}.ipynb)"


def _cell(value: object) -> str:
    """Text that fits into a table's cell."""
    return str(value).replace("|", "\\|").replace("\n", " ") if value else "-"


if __name__ == "__main__":
    print(write_page())
