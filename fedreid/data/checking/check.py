"""Checking a dataset before it is used: what lies there, whether it is whole, and every file that makes trouble."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fedreid.data.checking.catalogue import entry
from fedreid.data.checking.files import files_under, unread
from fedreid.data.checking.findings import content_findings, kind_finding, misnamed, of_other_datasets
from fedreid.data.checking.folder import folder_findings, understood_in
from fedreid.data.checking.images import Progress, content_of
from fedreid.data.checking.layout import FOLDER, Layout
from fedreid.data.checking.people import copies_findings, people_findings
from fedreid.data.checking.places import recognised
from fedreid.data.checking.readers import READINGS, folders_of, images_in_table
from fedreid.data.checking.report import NOTE, PROBLEM, WARNING, Compared, Finding, Report
from fedreid.data.checking.texts import in_utf8, is_utf8
from fedreid.data.checking.versions import ReadVersion, read_version
from fedreid.data.disk import place_for_draft
from fedreid.data.formats.cuhk03_images import TAKEN_OUT
from fedreid.data.formats.tracklets import TrackletTable, images_of
from fedreid.data.formats.vendor_files import DISTRACTOR
from fedreid.data.tables import ImageTable
from fedreid.errors import UserError

OTHER_ENCODING = "the folder's name isn't in UTF-8, so no scenario can name it: rename it, or make a link to it"
ORDER = {PROBLEM: 0, WARNING: 1, NOTE: 2}


def check(
    path: Path,
    format: str | None = None,
    *,
    cache: Path,
    camera_pattern: str = "",
    fast: bool = False,
    workers: int = 0,
    on_progress: Progress | None = None,
) -> Report:
    """Look at a dataset as a run would, and at everything that it would pass over.

    Args:
        path: the dataset's folder.
        format: as a scenario names it; None: to be recognised.
        cache: folder of all caches; CUHK03's photographs, if no run took them out of their .mat file yet, are there
            while they are looked at.
        camera_pattern: of one's own photographs, see `fedreid.data.formats.folder.read_folder`.
        fast: don't decode the images.
        workers: processes that decode; 0: one per core.
        on_progress: told (done, total) images.

    Raises:
        UserError: there is no such folder, format or pattern, no layout is recognised, or several are.
    """
    layout = recognised(path, format)
    _refuse_pattern(layout, camera_pattern)
    with place_for_draft(cache / TAKEN_OUT) as scratch:
        return _report(path, layout, camera_pattern, (cache, scratch), fast, workers, on_progress)


def _report(
    path: Path,
    layout: Layout,
    camera_pattern: str,
    places: tuple[Path, Path],
    fast: bool,
    workers: int,
    on_progress: Progress | None,
) -> Report:
    is_own = layout.format == FOLDER
    understood = understood_in(path, camera_pattern) if is_own else ()
    versions = [read_version(path, layout, options, camera_pattern, *places) for options in layout.versions]
    findings = [] if is_utf8(path.absolute()) else [Finding(PROBLEM, OTHER_ENCODING)]
    findings += folder_findings(path, understood, camera_pattern) if is_own else []
    if not any(
        finding.paths for finding in findings if finding.level == PROBLEM
    ):  # the reader names the first of these files only
        findings += [finding for version in versions for finding in version.findings]
    roots = list(dict.fromkeys(version.table.root for version in versions if version.table is not None))
    for root in roots or [path / layout.inside]:
        here = [version for version in versions if version.table is not None and version.table.root == root]
        own = [one.path for one in understood]
        findings += _of_files(root, layout, here, own, fast=fast, workers=workers, on_progress=on_progress)
    settings = _settings(path, layout, [version.compared for version in versions], camera_pattern)
    return Report(
        path,
        entry(layout.format),
        roots[0] if roots else path / layout.inside,
        tuple(version.compared for version in versions),
        tuple(sorted(dict.fromkeys(findings), key=lambda finding: ORDER[finding.level])),
        settings,
        understood,
    )


def images_at(path: Path, format: str | None = None, *, cache: Path, camera_pattern: str = "") -> ImageTable:
    """The images of the dataset in a folder, whatever its counts; of tracklets all frames.

    Raises:
        UserError: as `check`; or it can't be read, or is a list of tests, which has no identities on cameras.
    """
    layout = recognised(path, format)
    _refuse_pattern(layout, camera_pattern)
    version = read_version(path, layout, layout.versions[0], camera_pattern, cache)
    if version.table is None:
        raise UserError(f"{path}: {version.findings[0].text}")
    if isinstance(version.table, TrackletTable):
        return images_of(version.table)
    if isinstance(version.table, ImageTable):
        return version.table
    raise UserError(f"{path}: {layout.format} is a list of tests, without identities on cameras to show.")


def _refuse_pattern(layout: Layout, camera_pattern: str) -> None:
    if camera_pattern and layout.format != FOLDER:
        raise UserError(
            f"--camera-pattern is for one's own photographs; this is {entry(layout.format).title}, whose names say "
            f"the camera.\n  To read it as a folder per identity all the same: --format {FOLDER}."
        )


def _of_files(
    root: Path,
    layout: Layout,
    versions: Sequence[ReadVersion],
    own: Sequence[str],
    *,
    fast: bool,
    workers: int,
    on_progress: Progress | None,
) -> list[Finding]:
    """What the files of one root say: names, content, people; `own` are those of one's own photographs."""
    reading = READINGS[layout.format]
    tables = [version.table for version in versions if version.table is not None]
    files = files_under(root, folders_of(layout.format, root, tables), reading.suffixes)
    used = list(dict.fromkeys([*own, *(image for table in tables for image in images_in_table(table))]))
    everything = list(dict.fromkeys([*used, *files.images]))
    content = content_of(root, everything, fast=fast, workers=workers, on_progress=on_progress)
    found = [*of_other_datasets(root, layout.format), *content_findings(content, set(used))]
    people = next((table for table in tables if isinstance(table, ImageTable | TrackletTable)), None)
    found += copies_findings(content.copies, people)
    if people is not None:
        across_cameras = entry(layout.format).is_matched_across_cameras
        distractor = None if layout.format == FOLDER else DISTRACTOR
        found += people_findings(people, across_cameras=across_cameras, distractor=distractor)
    if not used:  # nobody knows which images a run would read
        found += misnamed(files, reading.fits)
        files = replace(files, images=())
    return found + [kind_finding(kind) for kind in unread(root, files, used, reading.fits)]


def _settings(path: Path, layout: Layout, versions: Sequence[Compared], camera_pattern: str) -> dict[str, object]:
    """Of the first version that could be read."""
    best = next((version for version in versions if version.found), versions[0])
    settings: dict[str, object] = {"format": layout.format, "path": in_utf8(path.absolute()), **best.options}
    if best.found and best.published and not best.is_whole:
        settings["verify_counts"] = False
    if camera_pattern:
        settings["camera_pattern"] = camera_pattern
    return settings
