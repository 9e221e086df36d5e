#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make-gfs2-oracles.sh - makes GFS2 images of other shapes than the sample's, and records how Linux reads them, for tests to hold
# our reader against. Needs what make-gfs2-sample.sh needs; takes about 20 seconds an image.
#
#   make-gfs2-oracles.sh DIRECTORY [NAME...]
#   make-gfs2-oracles.sh --list
#
# For each NAME (default: blocks512 blocks1k journals4) there will be in DIRECTORY, as for the sample (see make-gfs2-sample.sh):
# NAME.img (sparse), NAME.sha256, NAME.probes, NAME.manifest; and NAME.statfs, one line of stat -f. What is different is said at each name below.
set -euo pipefail
export LC_ALL=C TZ=UTC PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
here=$(cd "$(dirname "$0")" && pwd)
say() { echo "$*" >&2; }
die() { echo "${0##*/}: $*" >&2; exit 2; }

catalogue() {
    cat <<'END'
blocks512   blocks of 512 bytes (-b 512): trees of ten levels, tables of more blocks
blocks1k    blocks of 1 KiB (-b 1024)
blocks2k    blocks of 2 KiB (-b 2048)
journals4   four journals, resource groups of 32 MiB
dirty       a journal that wants replaying; no sums: nobody can say what is in it
empty       as mkfs.gfs2 made it, never mounted; no sums
END
}

make_image() {
    local name=$1 size=64M mkfs=(-j 1)
    case $name in
        blocks512) mkfs+=(-b 512) ;;
        blocks1k)  mkfs+=(-b 1024) ;;
        blocks2k)  mkfs+=(-b 2048) ;;
        journals4) mkfs=(-j 4 -r 32); size=128M ;;
        dirty)     ;;
        empty)     size=20M ;;
        *)         die "does not know an image by the name $name; --list says which there are" ;;
    esac
    local img=$DIR/$name.img
    say "$name.img"
    rm -f "$img" "$DIR/$name".{sha256,probes,manifest,statfs}
    truncate -s "$size" "$img"
    mkfs.gfs2 -q -O -p lock_nolock -J 8 -c 1 "${mkfs[@]}" "$img" > /dev/null || die "mkfs.gfs2 ${mkfs[*]} fails"
    case $name in
        empty) return ;;
        dirty)
            echo 'mkdir d; for i in 1 2 3 4 5 6 7 8; do echo "in the journal, $i" > d/$i; done; sync -f .; rm d/3; sync -f .' > "$SCRATCH/dirty"
            "$here/gfs2-in-linux.sh" -c "$img" "$SCRATCH/dirty"
            return ;;
    esac
    rm -rf "$SCRATCH/record"
    "$here/gfs2-in-linux.sh" -a "$here/record-gfs2.sh" "$img" "$here/fill-gfs2.sh" "$SCRATCH/record"
    fsck.gfs2 -n "$img" > "$SCRATCH/fsck" 2>&1 || { cat "$SCRATCH/fsck" >&2; die "fsck.gfs2 finds fault with $img"; }
    mv "$SCRATCH/record/sha256" "$DIR/$name.sha256"
    mv "$SCRATCH/record/probes" "$DIR/$name.probes"
    mv "$SCRATCH/record/statfs" "$DIR/$name.statfs"
    bash "$here/gfs2-device-numbers.sh" "$img" < "$SCRATCH/record/manifest" > "$DIR/$name.manifest"
}

if [ "${1:-}" = --list ]; then
    catalogue
    exit
fi
[ $# -ge 1 ] && [ "${1#-}" = "$1" ] || die "wants a directory to write to, and may be given names of images (--list)"
for tool in mkfs.gfs2 fsck.gfs2; do
    command -v "$tool" > /dev/null || die "cannot find $tool (Debian: apt-get install gfs2-utils)"
done
DIR=$1
shift
[ $# -gt 0 ] || set -- blocks512 blocks1k journals4
mkdir -p "$DIR"
SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/pollux-gfs2-oracles.XXXXXX")
trap 'rm -rf "$SCRATCH"' EXIT
for name in "$@"; do make_image "$name"; done
