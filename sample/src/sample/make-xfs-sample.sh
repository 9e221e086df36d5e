#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make-xfs-sample.sh - makes the XFS sample image that ships with pollux, as mkfs.xfs and the Linux kernel write it.
#
#   make-xfs-sample.sh [DIRECTORY]
#
# The result, in DIRECTORY (default: where the sample module keeps it as a resource):
#   xfs-sample.tar.gz    a sparse tar with xfs-sample.img in it; unpack with tar -xzf
#   xfs-sample.sha256    the sum of every regular file, under the first of its names, as Linux reads it through a read-only
#                        mount; for sha256sum -c, and like it with a leading \ where the name has an escaped \ or newline
#   xfs-sample.probes    sums of some ranges of far.dat, which is too long to be in that list
#   xfs-sample.manifest  what Linux's stat says of every name; the file's head says how to read it
# Needs root, loop devices, xfsprogs. To be run only when the sample is to change: its content is the same in every run, but
# inode change times, generation numbers and the log are not.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=fill-xfs.sh
. "$here/fill-xfs.sh"

[ $# -le 1 ] || die "takes at most one argument, the directory to write to"
out=${1:-$here/../main/resources/io/pollux/sample}
mkdir -p "$out"
sample_begin

img=$SCRATCH/xfs-sample.img
say "making the filesystem"
truncate -s 300M "$img"         # the least that mkfs.xfs makes
mkfs.xfs -q -m uuid=504c5558-534d-4031-8000-786673000001 -L pollux "$img"
say "filling it"
attach_image "$img"
fill_tree
list_unwritten > "$SCRATCH/unwritten"
fstrim "$MNT"                   # free blocks become holes of the image
detach_image
poke_unwritten "$img" < "$SCRATCH/unwritten"
fallocate --dig-holes "$img"

say "reading it back"
record_image "$img" "$SCRATCH/xfs-sample"
say "packing"
tar -C "$SCRATCH" --format=posix --sparse --sparse-version=1.0 --sort=name --mtime="@$EPOCH" --owner=root:0 --group=root:0 --numeric-owner \
    --mode=0644 --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime \
    -cf - xfs-sample.img | gzip -9n > "$SCRATCH/xfs-sample.tar.gz"

say "unpacking what was packed, and checking it"
mkdir "$SCRATCH/check"
tar -C "$SCRATCH/check" -xzf "$SCRATCH/xfs-sample.tar.gz"
cmp "$img" "$SCRATCH/check/xfs-sample.img" || die "the packed image is not the image"
view_image "$SCRATCH/check/xfs-sample.img"
( cd "$MNT" && sha256sum --quiet -c "$SCRATCH/xfs-sample.sha256" ) || die "the packed image does not have the recorded sums"
detach_image

for f in tar.gz sha256 probes manifest; do
    install -m 0644 "$SCRATCH/xfs-sample.$f" "$out/"
done
( cd "$out" && wc -c xfs-sample.* ) >&2
