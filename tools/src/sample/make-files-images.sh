#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make-files-images.sh - makes the images of many files that ship with pollux, as mkfs and the Linux kernel write them: what
# `pollux compare` reads to see whether a request costs more where there are more files.
#
#   make-files-images.sh [DIRECTORY]
#
# The result, in DIRECTORY (default: where the tools module keeps it as a resource), each a sparse tar; unpack with tar -xzf:
#   xfs-files.tar.gz     the files /0 to /63, of 1 MiB of zeroes each, on XFS
#   gfs2-files.tar.gz    the same on GFS2
# Needs root, loop devices, xfsprogs, gfs2-utils, and what gfs2-in-linux.sh needs. To be run only when the images are to change.
set -euo pipefail
export LC_ALL=C TZ=UTC PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
here=$(cd "$(dirname "$0")" && pwd)
say() { echo "$*" >&2; }
die() { echo "${0##*/}: $*" >&2; exit 2; }
readonly EPOCH=1547542861

[ $# -le 1 ] || die "takes at most one argument, the directory to write to"
out=${1:-$here/../main/resources/io/pollux/tools/sample}
for tool in mkfs.xfs xfs_repair mkfs.gfs2 fsck.gfs2 losetup mount tar gzip fallocate; do
    command -v "$tool" > /dev/null || die "cannot find $tool (Debian: apt-get install xfsprogs gfs2-utils mount util-linux tar gzip)"
done
mkdir -p "$out"
scratch=$(mktemp -d "${TMPDIR:-/tmp}/pollux-files.XXXXXX")
mounted=
finish() {
    [ -z "$mounted" ] || umount "$mounted" || true
    rm -rf --one-file-system "$scratch"
}
trap finish EXIT

# In the root of the filesystem. Written, and not only allocated: what was never written is not read from the disk.
cat > "$scratch/fill" << 'FILL'
set -e
for i in $(seq 0 63); do
    dd if=/dev/zero of="$i" bs=1M count=1 2> /dev/null
done
sync
FILL

say "XFS"
xfs=$scratch/xfs-files.img
truncate -s 300M "$xfs"         # the least that mkfs.xfs makes
mkfs.xfs -q -m uuid=504c5558-534d-4033-8000-786673000001 "$xfs"
mkdir "$scratch/mnt"
mount -o loop "$xfs" "$scratch/mnt"
mounted=$scratch/mnt
( cd "$mounted" && bash "$scratch/fill" )
umount "$mounted"
mounted=
xfs_repair -n "$xfs" > "$scratch/check" 2>&1 || { cat "$scratch/check" >&2; die "xfs_repair finds fault with the image"; }

say "GFS2"
gfs2=$scratch/gfs2-files.img
truncate -s 96M "$gfs2"
mkfs.gfs2 -q -O -p lock_nolock -j 1 -J 8 -c 1 -U 504c5558-534d-4034-8000-676673320001 "$gfs2" > /dev/null
"$here/gfs2-in-linux.sh" "$gfs2" "$scratch/fill"
fsck.gfs2 -n "$gfs2" > "$scratch/check" 2>&1 || { cat "$scratch/check" >&2; die "fsck.gfs2 finds fault with the image"; }

say "packing"
for fs in xfs gfs2; do
    fallocate --dig-holes "$scratch/$fs-files.img"
    tar -C "$scratch" --format=posix --sparse --sparse-version=1.0 --sort=name --mtime="@$EPOCH" --owner=root:0 --group=root:0 \
        --numeric-owner --mode=0644 --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime \
        -cf - "$fs-files.img" | gzip -9n > "$scratch/$fs-files.tar.gz"
    tar -C "$scratch/mnt" -xzf "$scratch/$fs-files.tar.gz"
    cmp "$scratch/$fs-files.img" "$scratch/mnt/$fs-files.img" || die "the packed image is not the image"
    install -m 0644 "$scratch/$fs-files.tar.gz" "$out/"
done
( cd "$out" && wc -c ./*-files.tar.gz ) >&2
