#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make-xfs-oracles.sh - makes XFS images of other shapes than the sample's, and records how Linux reads them, for tests to hold
# our reader against. Needs root, loop devices, xfsprogs; takes a few seconds an image.
#
#   make-xfs-oracles.sh DIRECTORY [NAME...]
#   make-xfs-oracles.sh --list
#
# For each NAME (default: dirs64k blocks1k rmapbt) there will be in DIRECTORY, as for the sample (see make-xfs-sample.sh):
# NAME.img (sparse), NAME.sha256, NAME.probes, NAME.manifest. What is different is said at each name below.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=fill-xfs.sh
. "$here/fill-xfs.sh"

catalogue() {
    cat <<'END'
dirs64k     directory blocks of 64 KiB (-n size=65536)
blocks1k    blocks of 1 KiB (-b size=1024); the fragmented file's tree is a level deeper
rmapbt      reverse mapping and large extent counts (-m rmapbt=1,reflink=1 -i nrext64=1)
deepdir     a directory of 200,000 names, whose hash index has two levels of nodes (dirs/deep)
spinodes    sparse inode chunks in use
scattered   directory blocks of 16 KiB, some of them in pieces on disk (scattered)
sectors4k   sectors of 4 KiB (-s size=4096)
inodes2k    inodes of 2 KiB (-i size=2048)
plain       none of the newer features: finobt, reflink, bigtime, inobtcount, sparse inodes all 0
extlog      the log on another device: extlog.img with extlog.log.img
dirty       a log that wants replaying: sums and manifest are what a norecovery mount reads;
            dirty.recovered.* what a mount that replays it reads
v4          version 4 (-m crc=0), empty and without sums, because few kernels mount it any more
END
}

make_image() {
    local name=$1
    shift
    local img=$DIR/$name.img mkfs=() extra=()
    case $name in
        dirs64k)   mkfs=(-n size=65536) ;;
        blocks1k)  mkfs=(-b size=1024) ;;
        rmapbt)    mkfs=(-m rmapbt=1,reflink=1 -i nrext64=1) ;;
        deepdir)   extra=(fill_deep_dir) ;;
        spinodes)  mkfs=(-i sparse=1); extra=(fill_sparse_inodes) ;;
        scattered) mkfs=(-n size=16384); extra=(fill_scattered) ;;
        sectors4k) mkfs=(-s size=4096) ;;
        inodes2k)  mkfs=(-i size=2048) ;;
        plain)     mkfs=(-m finobt=0,reflink=0,bigtime=0,inobtcount=0 -i sparse=0) ;;
        extlog)    make_extlog "$img"; return ;;
        dirty)     make_dirty "$img"; return ;;
        v4)        new_image "$img" -m crc=0; return ;;
        *)         die "does not know an image by the name $name; --list says which there are" ;;
    esac
    new_image "$img" ${mkfs[@]+"${mkfs[@]}"}
    attach_image "$img"
    fill_tree
    local step
    for step in ${extra[@]+"${extra[@]}"}; do "$step"; done
    finish_image "$img"
    record_image "$img" "${img%.img}"
}

# new_image IMAGE MKFS-OPTION...
new_image() {
    local img=$1
    shift
    say "${img##*/}"
    rm -f "$img" "${img%.img}".{sha256,probes,manifest}
    truncate -s 300M "$img"
    mkfs.xfs -q -L pollux "$@" "$img" > /dev/null || die "mkfs.xfs $* fails"
}

# finish_image IMAGE: detaches it, with rubbish in the blocks that nobody has written.
finish_image() {
    list_unwritten > "$SCRATCH/unwritten"
    fstrim "$MNT" || true
    detach_image
    poke_unwritten "$1" < "$SCRATCH/unwritten"
}

make_extlog() {
    local img=$1 log=${1%.img}.log.img log_loop
    rm -f "$log"
    truncate -s 64M "$log"
    new_image "$img" -l "logdev=$log,size=64m"
    loop_image "$log"
    log_loop=$LOOP
    attach_image "$img" "logdev=$log_loop"
    fill_tree
    finish_image "$img"
    unloop "$log_loop"
    loop_image "$log" --read-only
    log_loop=$LOOP
    view_image "$img" "logdev=$log_loop"
    record_tree "${img%.img}"
    detach_image
    unloop "$log_loop"
}

make_dirty() {
    local img=$1 base=${1%.img}
    new_image "$img"
    attach_image "$img"
    fill_tree
    # All that has happened so far is on disk and has left the log; what comes next is in the log alone. The removals
    # come last, or the blocks they free would be written again and norecovery would find strangers in them.
    xfs_freeze -f "$MNT"
    xfs_freeze -u "$MNT"
    mkdir "$MNT/after"
    local i
    for i in $(seq 1 20); do echo "in the log only, $i" > "$MNT/after/$i"; done
    sync -d "$MNT"/after/*
    mv "$MNT/special/link3" "$MNT/after/"
    rm "$MNT/special/mode-0"
    list_unwritten > "$SCRATCH/unwritten"
    xfs_io -x -c "shutdown -f" "$MNT"
    detach_image
    poke_unwritten "$img" < "$SCRATCH/unwritten"

    # Looked at through read-only devices and copies, so that it stays as it is.
    cp --sparse=always "$img" "$SCRATCH/recovered.img"
    view_image "$img" norecovery
    record_tree "$base"
    detach_image
    attach_image "$SCRATCH/recovered.img"
    detach_image
    record_image "$SCRATCH/recovered.img" "$base.recovered"
    rm "$SCRATCH/recovered.img"
}

if [ "${1:-}" = --list ]; then
    catalogue
    exit
fi
[ $# -ge 1 ] && [ "${1#-}" = "$1" ] || die "wants a directory to write to, and may be given names of images (--list)"
DIR=$1
shift
[ $# -gt 0 ] || set -- dirs64k blocks1k rmapbt
mkdir -p "$DIR"
sample_begin
for name in "$@"; do make_image "$name"; done
