#!/usr/bin/env python3
"""Write archives anew so that only what is in their files shows, and not who made them, where and when.

usage: normalize.py ARCHIVE ...     wheels (.whl) and compressed tar archives (.tar.gz)

Members are sorted, belong to nobody, may be read by all, and are of the moment SOURCE_DATE_EPOCH, which must be set.
"""

import gzip
import os
import sys
import tarfile
import time
import zipfile


def mode(is_executable):
    return 0o755 if is_executable else 0o644


def normalize_wheel(path, moment):
    """What describes the wheel stays last, as its format asks."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(path + ".new", "w", zipfile.ZIP_DEFLATED) as new:
        members = [member for member in old.infolist() if not member.is_dir()]
        for member in sorted(members, key=lambda m: (".dist-info/" in m.filename, m.filename)):
            copy = zipfile.ZipInfo(member.filename, time.gmtime(moment)[:6])
            copy.compress_type = zipfile.ZIP_DEFLATED
            copy.create_system = 3  # Unix, whose modes these are
            copy.external_attr = (0o100000 | mode(member.external_attr >> 16 & 0o100)) << 16
            new.writestr(copy, old.read(member))


def normalize_tar(path, moment):
    with (
        tarfile.open(path) as old,
        open(path + ".new", "wb") as file,
        gzip.GzipFile("", "wb", 9, file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda m: m.name):
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mtime = moment
            member.mode = mode(member.isdir() or member.mode & 0o100)
            member.pax_headers = {}
            new.addfile(member, old.extractfile(member) if member.isreg() else None)


def main():
    moment = int(os.environ["SOURCE_DATE_EPOCH"])
    for path in sys.argv[1:]:
        normalize = normalize_wheel if path.endswith(".whl") else normalize_tar
        normalize(path, moment)
        os.replace(path + ".new", path)


if __name__ == "__main__":
    main()
