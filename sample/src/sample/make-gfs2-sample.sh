#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make-gfs2-sample.sh - makes the GFS2 sample image that ships with pollux, as mkfs.gfs2 and the Linux kernel write it.
#
#   make-gfs2-sample.sh [DIRECTORY]
#
# The result, in DIRECTORY (default: where the sample module keeps it as a resource):
#   gfs2-sample.tar.gz    a sparse tar with gfs2-sample.img in it; unpack with tar -xzf
#   gfs2-sample.sha256    the sum of every regular file, under the first of its names, as Linux reads it through a read-only
#                         mount; for sha256sum -c, and like it with a leading \ where the name has an escaped \ or newline
#   gfs2-sample.probes    sums of some ranges of files that are too long to be in that list
#   gfs2-sample.manifest  what Linux's stat says of every name; the file's head says how to read it
# Needs gfs2-utils, and what gfs2-in-linux.sh needs; no root. Takes a minute or two. To be run only when the sample is to change:
# its content is the same in every run, but change times, inode numbers and the journal are not.
set -euo pipefail
export LC_ALL=C TZ=UTC PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
here=$(cd "$(dirname "$0")" && pwd)
say() { echo "$*" >&2; }
die() { echo "${0##*/}: $*" >&2; exit 2; }
readonly EPOCH=1547542861

[ $# -le 1 ] || die "takes at most one argument, the directory to write to"
out=${1:-$here/../main/resources/io/pollux/sample}
for tool in mkfs.gfs2 fsck.gfs2 tar gzip fallocate; do
    command -v "$tool" > /dev/null || die "cannot find $tool (Debian: apt-get install gfs2-utils tar gzip util-linux)"
done
mkdir -p "$out"
scratch=$(mktemp -d "${TMPDIR:-/tmp}/pollux-gfs2-sample.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

img=$scratch/gfs2-sample.img
say "making the filesystem"
truncate -s 48M "$img"
mkfs.gfs2 -q -O -p lock_nolock -j 1 -J 8 -c 1 -U 504c5558-534d-4032-8000-676673320001 "$img" > /dev/null
say "filling it"
"$here/gfs2-in-linux.sh" "$img" "$here/fill-gfs2.sh"
fsck.gfs2 -n "$img" > "$scratch/fsck" 2>&1 || { cat "$scratch/fsck" >&2; die "fsck.gfs2 finds fault with the image"; }
fallocate --dig-holes "$img"

say "packing"
tar -C "$scratch" --format=posix --sparse --sparse-version=1.0 --sort=name --mtime="@$EPOCH" --owner=root:0 --group=root:0 --numeric-owner \
    --mode=0644 --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime \
    -cf - gfs2-sample.img | gzip -9n > "$scratch/gfs2-sample.tar.gz"

say "unpacking what was packed, and reading it"
mkdir "$scratch/check"
tar -C "$scratch/check" -xzf "$scratch/gfs2-sample.tar.gz"
cmp "$img" "$scratch/check/gfs2-sample.img" || die "the packed image is not the image"
"$here/gfs2-in-linux.sh" -r "$scratch/check/gfs2-sample.img" "$here/record-gfs2.sh" "$scratch/record"

install -m 0644 "$scratch/gfs2-sample.tar.gz" "$out/"
bash "$here/gfs2-device-numbers.sh" "$img" < "$scratch/record/manifest" > "$scratch/manifest"
mv "$scratch/manifest" "$scratch/record/manifest"
for f in sha256 probes manifest; do
    install -m 0644 "$scratch/record/$f" "$out/gfs2-sample.$f"
done
( cd "$out" && wc -c gfs2-sample.* ) >&2
