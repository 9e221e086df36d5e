# SPDX-License-Identifier: GPL-2.0-only
#
# fill-xfs.sh - what the sample and the oracle images have in common (sourced by make-xfs-*.sh, never run).
#
# The rules of using it:
#   - the caller has set -euo pipefail, and has called sample_begin, which checks the machine and sets the cleanup trap;
#   - an image is attached with attach_image, filled with fill_tree, detached with detach_image,
#     finished with poke_unwritten, and read back with record_image;
#   - every byte of the image's files is written by the Linux kernel through a mount; the one exception is
#     poke_unwritten, which puts rubbish in blocks that the filesystem says are unwritten, so that a reader
#     which forgets to look at the flag returns the rubbish and not, by luck, the right zeros.
#
# The sample pattern: a file is a row of 512-byte sectors, each of 64 little-endian 64-bit words:
#   word 0        0x31304D5358554C50, "PLUXSM01" as it lies in memory
#   word 1        the byte offset of the sector within its file
#   words 2..62   0x2E2E2E2E2E2E2E2E
#   word 63       the bitwise NOT of word 1
# A write that begins or ends within a sector writes just that part of it.
# shellcheck shell=bash

export LC_ALL=C.UTF-8 TZ=UTC
umask 022

readonly EPOCH=1547542861     # 2019-01-15 09:01:01 UTC: the time of everything that has no time of its own

say() { echo "$*" >&2; }
die() { echo "${0##*/}: $*" >&2; exit 2; }

# sample_begin: checks the machine, makes the scratch folder and promises to clear it away.
sample_begin() {
    [ "$(id -u)" = 0 ] || die "must be run by root, because it mounts loop devices"
    local tool
    for tool in mkfs.xfs xfs_repair xfs_db xfs_io losetup mount perl tar gzip sha256sum fstrim; do
        command -v "$tool" > /dev/null || die "cannot find $tool (Debian: apt-get install xfsprogs perl util-linux tar gzip)"
    done
    [ -e /dev/loop-control ] || die "this machine has no loop devices (/dev/loop-control)"
    grep -qw xfs /proc/filesystems || modprobe xfs 2> /dev/null || die "this machine's kernel has no XFS"
    SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/pollux-xfs.XXXXXX")
    MNT=$SCRATCH/mnt
    mkdir "$MNT"
    LOOPS=()
    trap sample_end EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

sample_end() {
    local status=$? loop
    set +e
    mountpoint -q "$MNT" && umount "$MNT"
    for loop in "${LOOPS[@]}"; do
        losetup "$loop" > /dev/null 2>&1 && losetup -d "$loop"
    done
    rm -rf --one-file-system "$SCRATCH"
    exit "$status"
}

# loop_image IMAGE [LOSETUP-OPTION...]: a loop device, in $LOOP. attach_image IMAGE [MOUNT-OPTIONS]: and mounted, at $MNT.
# view_image: the same, to be looked at only: the device is read-only too, because on one that can be written
# even a read-only mount clears a stretch of the log.
loop_image() {
    local image=$1
    shift
    LOOP=$(losetup --find --show "$@" "$image") || die "cannot attach $image to a loop device"
    LOOPS+=("$LOOP")
}
attach_image() {
    loop_image "$1"
    mount_loop "$1" "${2:-}"
}
view_image() {
    loop_image "$1" --read-only
    mount_loop "$1" "ro${2:+,$2}"
}
mount_loop() {
    mount -t xfs -o "nouuid${2:+,$2}" "$LOOP" "$MNT" || die "this kernel does not mount $1"
}
detach_image() {
    umount "$MNT"
    unloop "$LOOP"
}
unloop() {
    losetup -d "$1"
    local kept=() loop
    for loop in "${LOOPS[@]}"; do [ "$loop" = "$1" ] || kept+=("$loop"); done
    LOOPS=("${kept[@]}")
}

# ------------------------------------------------------------------------------------------------ writing

# pattern FILE: writes the sample pattern into FILE; standard input has one "OFFSET LENGTH" in bytes a line.
pattern() {
    perl -e '
        use strict; use Fcntl;
        sysopen(my $f, $ARGV[0], O_WRONLY | O_CREAT, 0644) or die "$ARGV[0]: $!\n";
        my $filler = "." x (61 * 8);
        while (<STDIN>) {
            my ($at, $left) = split;
            while ($left > 0) {
                my $skip = $at % 512;
                my ($buf, $o) = ("", $at - $skip);
                while (length($buf) < $left + $skip && length($buf) < 1 << 20) {
                    $buf .= pack("a8Q<", "PLUXSM01", $o) . $filler . pack("Q<", ~$o);
                    $o += 512;
                }
                $buf = substr($buf, $skip, $left);
                sysseek($f, $at, 0);
                my $n = syswrite($f, $buf) or die "$ARGV[0]: $!\n";
                $at += $n; $left -= $n;
            }
        }
        close($f) or die "$ARGV[0]: $!\n";' "$1"
}

# xattr FILE NAME LENGTH: one extended attribute of that many bytes, without need of setfattr.
xattr() {
    perl -e '
        my %nr = (x86_64 => 189, aarch64 => 6, riscv64 => 6, ppc64le => 210, s390x => 225, loongarch64 => 6);
        my ($file, $name, $length) = @ARGV;
        chomp(my $m = `uname -m`);
        exists $nr{$m} or die "do not know lsetxattr on $m\n";
        my $value = "v" x $length;
        syscall($nr{$m}, $file, $name, $value, $length + 0, 0) == 0 or die "$file: lsetxattr: $!\n";' "$@"
}

# links TARGET DIRECTORY FORMAT FIRST LAST: hard links to TARGET, named by printf FORMAT.
links() {
    perl -e '
        my ($target, $dir, $format, $first, $last) = @ARGV;
        for my $i ($first .. $last) {
            my $name = sprintf($format, $i);
            link($target, "$dir/$name") or die "$dir/$name: $!\n";
        }' "$@"
}

# comb FILE COUNT SIZE: takes COUNT pieces of SIZE bytes together and gives every other one back, so that whatever is
# allocated near by next gets a piece at a time. Remove FILE when done. (Synced, because a directory does not
# take a free block before the log has recorded that it is free.)
comb() {
    local file=$1 count=$2 size=$3
    {
        echo "falloc 0 $((count * size))"
        perl -e 'for (my $b = 1; $b < $ARGV[0]; $b += 2) { print "fpunch ", $b * $ARGV[1], " $ARGV[1]\n" }' "$count" "$size"
    } | xfs_io -f "$file" > /dev/null
    sync -f "$file"
}

# fill_up FILE: gives FILE all the space there is, as large a piece at a time as it goes.
fill_up() {
    local at=0 size
    xfs_io -x -c "resblks 0" "$MNT" > /dev/null
    : > "$1"
    for ((size = 256 << 20; size >= BSIZE; )); do
        if xfs_io -c "falloc $at $size" "$1" > /dev/null 2>&1; then at=$((at + size)); else size=$((size / 2)); fi
    done
}

# ------------------------------------------------------------------------------------------------ the tree

# fill_tree: the files of the sample, under $MNT.
fill_tree() {
    local reflink
    BSIZE=$(stat -f -c %S "$MNT")
    DIRBSIZE=$(xfs_info "$MNT" | sed -n 's/^naming.*bsize=\([0-9]*\).*/\1/p')
    reflink=$(xfs_info "$MNT" | sed -n 's/.*reflink=\([01]\).*/\1/p')
    ( cd "$MNT"; fill_data; [ "${reflink:-0}" = 0 ] || fill_shared; fill_dirs; fill_names; fill_special; fill_times )
}

fill_data() {
    say "  main.dat: 16 MiB, each sector says where it belongs"
    xfs_io -f -c "falloc 0 16m" main.dat
    echo "0 $((16 << 20))" | pattern main.dat

    # An attribute given first leaves the inode's B+tree root small: 20 bytes of it 12 pointers, less than there
    # are leaves, so that the tree is root, nodes and leaves; with small blocks and 250 bytes 3 pointers, one level more.
    say "  fragmented.dat: thousands of extents, written, unwritten and holes"
    local n=3300 attribute=20
    [ "$BSIZE" -gt 1024 ] || n=13000 attribute=250
    : > fragmented.dat
    xattr fragmented.dat user.pollux "$attribute"
    perl -e '
        use strict;
        my ($n, $bs) = @ARGV;
        my $x = 20190115;                               # the same shuffle on every machine
        my @b = grep { $_ % 13 != 5 } 0 .. $n - 1;      # every 13th block stays a hole
        for (my $i = $#b; $i > 0; $i--) {
            $x = ($x * 1103515245 + 12345) % 2147483648;
            my $j = int($x / 65536) % ($i + 1);
            @b[$i, $j] = @b[$j, $i];
        }
        print "falloc ", $_ * $bs, " $bs\n" for @b;' "$n" "$BSIZE" | xfs_io fragmented.dat > /dev/null
    perl -e '
        my ($n, $bs) = @ARGV;
        for (0 .. $n - 1) { print $_ * $bs, " $bs\n" if $_ % 13 != 5 && $_ % 6 == 1 }' "$n" "$BSIZE" | pattern fragmented.dat
    truncate -s $((n * BSIZE - 1234)) fragmented.dat

    say "  the smaller files"
    # 1 MiB preallocated and 256 KiB more beyond the end of the file; a few blocks written, the last in part.
    xfs_io -f -c "falloc 0 1m" unwritten.dat
    printf '%s\n' "0 $BSIZE" "$((5 * BSIZE)) $((3 * BSIZE))" "$((300 * 1024 + 100)) 1000" "$((1 << 20)) 77" | pattern unwritten.dat
    xfs_io -c "falloc -k $((2 << 20)) 256k" unwritten.dat
    # A hole first, a hole last, holes between.
    printf '%s\n' "$((1 << 20)) $BSIZE" "$((5 << 20)) $((2 * BSIZE + 300))" "$(((9 << 20) + 512)) 512" | pattern holes.dat
    truncate -s $(((15 << 20) + 777)) holes.dat
    truncate -s 1000001 onlyhole.dat
    echo "0 12345" | pattern tail.dat
    : > empty
    local size
    for size in 1 511 512 513 4095 4096 4097; do
        echo "0 $size" | pattern "size-$size"
    done
    # Too large to read from end to end: its blocks straddle 4 GiB, 8 TiB and lie at 4 EiB. See the .probes list.
    printf '%s\n' "0 4096" "$(((1 << 32) - 4096)) 8192" "$(((1 << 43) - 4096)) 8192" "$((1 << 62)) 4096" | pattern far.dat
    truncate -s $(((1 << 62) + 8192 + 17)) far.dat
}

# fill_shared: files that share their blocks, where the filesystem can.
fill_shared() {
    mkdir shared
    cp --reflink=always tail.dat shared/clone.dat
    cp --reflink=always fragmented.dat shared/fragmented-clone.dat
    truncate -s $((300 * BSIZE + 5)) shared/fragmented-clone.dat
    echo "0 $((1 << 20))" | pattern shared/whole.dat
    xfs_io -f -c "reflink shared/whole.dat 0 $((1 << 20)) $((1 << 20))" shared/part.dat > /dev/null
    # Copied on write: one block of the clone, and a part of one, are its own again.
    printf '%s\n' "$((64 * 1024)) $BSIZE" "$(((1 << 20) + 128 * 1024)) 100" | pattern shared/part.dat
}

fill_dirs() {
    # How many entries make which form: short names take 24 bytes in a data block and 8 in the hash index.
    local d=$DIRBSIZE
    say "  directories of each form, for directory blocks of $d bytes"
    mkdir dirs
    echo "one file under many names" > dirs/target

    mkdir dirs/none dirs/short
    links dirs/target dirs/short "s%d" 1 3
    mkdir dirs/short/d
    ln -s ../target dirs/short/l

    mkdir dirs/block
    links dirs/target dirs/block "b%04d" 1 $((d / 64))
    mkdir dirs/block/d
    ln -s ../target dirs/block/l
    mkfifo dirs/block/p

    # More than a block of data, less than a block of hashes; and some names gone again.
    mkdir dirs/leaf
    links dirs/target dirs/leaf "l%04d" 1 $((d / 14))
    rm dirs/leaf/*7

    # Several blocks of hashes.
    mkdir dirs/node
    links dirs/target dirs/node "n%05d" 1 $((d * 10 / 32))
    rm dirs/node/*3

    # More extents than an inode holds: long names of 112 bytes, and free space that comes one block at a time.
    mkdir dirs/btree
    comb dirs/btree/comb 128 "$d"
    links dirs/target dirs/btree "b%05d-$(printf 'x%.0s' {1..89})" 1 $((d / 112 * (d > 4096 ? 22 : 19) - 4))
    rm dirs/btree/comb

    # Six times 180 names with one and the same hash: runs that go over from one block of the index into the next.
    # Bits are flipped in two places of a name that the hash lays over one another. (A run that fills a whole
    # block Linux reads, but xfs_repair 6.1 calls it inconsistent.)
    mkdir dirs/collide
    perl -e '
        for my $i (0 .. 6 * 180 - 1) {
            my $name = substr("hoptuw", $i % 6, 1) . "---";
            for (my ($k, $bits) = (0, int($i / 6)); $k < 2; $k++, $bits >>= 5) {
                my @a = unpack("C4", "dde-");
                my @b = unpack("C4", "-aaa");
                $a[0] ^= $bits & 3;        $b[1] ^= ($bits & 3) << 3;
                $a[1] ^= $bits >> 2 & 3;   $b[2] ^= ($bits >> 2 & 3) << 3;
                $a[2] ^= $bits >> 4 & 1;   $b[3] ^= ($bits >> 4 & 1) << 3;
                $name .= pack("C8", @a, @b);
            }
            link("dirs/target", "dirs/collide/$name") or die "$name: $!\n";
        }'
}

# fill_deep_dir: a directory with more blocks of hashes than one node block can name.
fill_deep_dir() {
    say "  a directory of 200,000 names"
    mkdir "$MNT/dirs/deep"
    links "$MNT/dirs/target" "$MNT/dirs/deep" "n%06d" 1 200000
    touch -d "@$EPOCH" "$MNT/dirs" "$MNT/dirs/deep" "$MNT/dirs/target"
}

# fill_sparse_inodes: fills the filesystem, gives back space in pieces too small for a whole chunk of inodes,
# and makes inodes in them until there is no room for more.
fill_sparse_inodes() {
    say "  sparse inode chunks"
    local dir=$MNT/sparse agno
    # An inode's number is its group, its block there (agblklog bits), its place in the block (inopblog bits).
    local isize agsize
    isize=$(xfs_info "$MNT" | sed -n 's/.*isize=\([0-9]*\).*/\1/p')
    agsize=$(xfs_info "$MNT" | sed -n 's/.*agsize=\([0-9]*\).*/\1/p')
    mkdir "$dir"
    fill_up "$dir/filler"
    # In the folder's own group, the first half of every aligned place of a chunk.
    agno=$(perl -e '
        my ($ino, $agsize, $inopblock) = @ARGV;
        my $slots = 1;
        $slots *= 2 while $slots < $agsize;
        print int($ino / ($slots * $inopblock))' "$(stat -c %i "$dir")" "$agsize" "$((BSIZE / isize))")
    xfs_bmap -vp "$dir/filler" | perl -e '
        use strict;
        my ($agno, $bs, $chunk) = @ARGV;                # chunk: blocks that 64 inodes take
        my $left = 48;
        while (<STDIN>) {
            my ($from, $ag, $low, $high) = /^\s*\d+: \[(\d+)\.\.\d+\]:\s+\d+\.\.\d+\s+(\d+) \((\d+)\.\.(\d+)\)/ or next;
            next if $ag != $agno;
            $_ = $_ * 512 / $bs for $from, $low;
            $high = int(($high + 1) * 512 / $bs);
            for (my $b = int(($low + $chunk - 1) / $chunk) * $chunk + $chunk; $b + $chunk < $high && $left > 0; $b += $chunk, $left--) {
                print "fpunch ", ($from + $b - $low) * $bs, " ", $chunk / 2 * $bs, "\n";
            }
        }' "$agno" "$BSIZE" "$((64 * isize / BSIZE))" | xfs_io "$dir/filler" > /dev/null
    sync -f "$dir"
    perl -e '
        for my $i (1 .. 4000) {
            open(my $f, ">", sprintf("%s/i%04d", $ARGV[0], $i)) or last;
            close($f);
        }' "$dir"
    # Some of them gone again, so that chunks are partly free as well; and the filler out of the way.
    rm "$dir"/*3 "$dir/filler"
    touch -d "@$EPOCH" "$dir" "$dir"/*
}

# fill_scattered: a directory whose blocks, of several filesystem blocks each, do not lie together on disk, because
# there is no room left where they could.
fill_scattered() {
    say "  a directory with its blocks in pieces"
    local dir=$MNT/scattered
    mkdir "$dir"
    fill_up "$dir/filler"
    perl -e 'for (my $b = 1; $b < 4000; $b += 2) { print "fpunch ", $b * $ARGV[0], " $ARGV[0]\n" }' "$BSIZE" | xfs_io "$dir/filler" > /dev/null
    sync -f "$dir"
    links "$MNT/dirs/target" "$dir" "s%05d-$(printf 'x%.0s' {1..200})" 1 12000
    rm "$dir/filler"
    touch -d "@$EPOCH" "$dir" "$MNT/dirs/target"
}

fill_names() {
    say "  deep paths, names, symbolic links"
    local path=deep i
    for i in $(seq -w 1 70); do path=$path/d$i; done
    mkdir -p "$path"
    echo "the bottom" > "$path/bottom"

    mkdir names
    local name
    for name in '文件系统' 'Ελληνικά' 'кириллица' 'emoji-🐟🚀' $'e\u0301-combining' $'\u00e9-composed' 'العربية' \
                ' leading and trailing ' $'tab\tand\nnewline' '100%' $'not-utf-8-\xff\xfe' '-dash' '...' '\back\slash' \
                "$(printf 'n%.0s' {1..255})" "$(printf '长%.0s' {1..85})"; do
        printf '%s' "$name" > "names/$name"
    done

    mkdir links
    ln -s ../tail.dat links/relative
    ln -s /tail.dat links/absolute
    ln -s nowhere links/dangling
    ln -s b links/a
    ln -s a links/b
    ln -s self links/self
    ln -s ../dirs/node links/to-dir
    ln -s chain2 links/chain1
    ln -s chain3 links/chain2
    ln -s relative links/chain3
    ln -s "../names/文件系统" links/utf-8
    local up
    up=$(printf './%.0s' {1..200})
    ln -s "${up:0:334}$(printf '%s' ab)" links/len-336            # the longest that fits in the inode, dangling
    ln -s "${up:0:334}$(printf '%s' abc)" links/len-337           # the shortest that does not
    ln -s "${up}../tail.dat" links/long
    up=$(printf './%.0s' {1..507})
    ln -s "${up}../size-1" links/longest                          # 1,014 + 9 = 1,023 bytes, the limit
    ln -s "../tail.dat" links/with-attribute
    xattr links/with-attribute trusted.pollux 100                  # an attribute of the link itself
}

fill_special() {
    mkdir special
    mkfifo special/fifo
    mknod special/null c 1 3
    mknod special/block b 259 262143
    ( cd special && perl -MSocket -e 'my $s; socket($s, PF_UNIX, SOCK_STREAM, 0) && bind($s, sockaddr_un("socket")) or die "socket: $!\n"' )
    echo setuid > special/setuid;  chown 1000:1001 special/setuid;  chmod 4755 special/setuid
    echo setgid > special/setgid;  chown 4294967294:65536 special/setgid;  chmod 2711 special/setgid
    mkdir special/sticky;  chown 65534:65534 special/sticky;  chmod 1777 special/sticky
    echo secret > special/mode-0;  chmod 0 special/mode-0
    echo three > special/link1;  ln special/link1 special/link2;  ln special/link1 special/link3
    # Attributes: in the inode; in a block of their own; in many blocks.
    echo small > special/xattr-inline;  xattr special/xattr-inline user.small 30
    echo block > special/xattr-block
    local i
    for i in $(seq 1 20); do xattr special/xattr-block "user.attribute-$i" 40; done
    echo big > special/xattr-big
    for i in $(seq 1 8); do xattr special/xattr-big "user.big-$i" 20000; done
    mkdir special/xattr-dir;  xattr special/xattr-dir user.dir 200
    links dirs/target special/xattr-dir "x%02d" 1 12
}

# fill_times: everything at one time, then those that have a time of their own.
fill_times() {
    find . -print0 | xargs -0 touch -h -d "@$EPOCH"
    chmod 0644 ./*.dat
    [ ! -e shared ] || chmod 0644 shared/*.dat
    mkdir times
    local t
    for t in 1901-12-13T20:45:52 1902-01-01T00:00:00.000000001 1969-12-31T23:59:58.500000000 1970-01-01T00:00:00 \
             2038-01-19T03:14:07.999999999 2038-01-19T03:14:08 2100-01-01T00:00:00.123456789 2486-07-02T20:20:24; do
        echo "$t" > "times/$t"
        touch -d "${t}Z" "times/$t"
    done
    touch -d "@$EPOCH" times .
}

# ------------------------------------------------------------------------------------------------ finishing

# list_unwritten: the unwritten extents of the data files under $MNT, as "FIRST-SECTOR SECTORS" of the device.
list_unwritten() {
    ( cd "$MNT" && xfs_bmap -vp fragmented.dat unwritten.dat ) |
        perl -ne 'print "$1 ", $2 - $1 + 1, "\n" if /^\s*\d+: \[[\d.]+\]:\s+(\d+)\.\.(\d+)\s.*\s[01]1[01]{4}$/'
}

# poke_unwritten IMAGE: standard input is list_unwritten's answer, from before the image was detached.
poke_unwritten() {
    perl -e '
        use strict;
        open(my $f, "+<:raw", $ARGV[0]) or die "$ARGV[0]: $!\n";
        while (<STDIN>) {
            my ($at, $n) = split;
            sysseek($f, $at * 512, 0);
            syswrite($f, "U" x ($n * 512)) == $n * 512 or die "$ARGV[0]: $!\n";
        }
        close($f) or die "$ARGV[0]: $!\n";' "$1"
}

# record_tree BASE: what Linux sees under $MNT, into BASE.sha256 (every regular file by the first of its names),
# BASE.probes (ranges of far.dat) and BASE.manifest (every name).
record_tree() {
    local base=$1
    ( cd "$MNT" && find . -type f -size -1048576k -printf '%i/%P\0' | LC_ALL=C sort -z -t / -k 2 |
        perl -0 -ne 'm{^(\d+)/(.*)}s && !$seen{$1}++ && print $2' | xargs -0 sha256sum ) > "$base.sha256"
    ( cd "$MNT" && if [ -e far.dat ]; then
        perl -e '
            use strict; use Digest::SHA;
            open(my $f, "<:raw", "far.dat") or die "far.dat: $!\n";
            print "# sha256 of a range, offset, length asked for, length that read answers, path\n";
            my $end = -s $f;
            for ([0, 8192], [2**32 - 8192, 16384], [2**32 - 300, 1000], [2**40, 4096], [2**43 - 8192, 16384],
                 [2**62 - 4096, 4096], [2**62, 4096], [2**62 + 4096, 4096], [$end - 17, 4096], [$end, 4096]) {
                my ($at, $length) = @$_;
                sysseek($f, $at, 0);
                my $n = sysread($f, my $buf, $length);
                defined $n or die "far.dat: $!\n";
                printf "%s  %d  %d  %d  far.dat\n", Digest::SHA::sha256_hex($buf), $at, $length, $n;
            }'
    fi ) > "$base.probes"
    [ -s "$base.probes" ] || rm "$base.probes"
    ( cd "$MNT" && find . -printf '%y\t%m\t%U\t%G\t%n\t%s\t%b\t%T@\t%i\t/%P\0%l\0' ) |
        perl -e '
            use strict;
            my $mnt = $ARGV[0];
            $/ = "\0";
            my %line;
            sub escape { my $s = shift; $s =~ s/([\x00-\x1f%\x7f])/sprintf "%%%02X", ord $1/ge; $s }
            while (<STDIN>) {
                chomp;
                my ($type, $mode, $uid, $gid, $nlink, $size, $blocks, $time, $ino, $path) = split /\t/, $_, 10;
                chomp(my $target = <STDIN>);
                my ($seconds, $nanos) = $time =~ /^(-?\d+)\.(\d{9})/ or die "$path: odd time $time\n";
                my $rdev = "-";
                if ($type =~ /[cb]/) {
                    my $r = (lstat "$mnt$path")[6];
                    $rdev = sprintf "%d:%d", ($r >> 8 & 0xfff) | ($r >> 32 & ~0xfff), ($r & 0xff) | ($r >> 12 & 0xffffff00);
                }
                $line{$path} = join "\t", $type, sprintf("%04o", oct $mode), $uid, $gid, $nlink, $size, $blocks, $seconds,
                    $nanos + 0, $ino, $rdev, escape($path), escape($target);
            }
            print "# What Linux sees, one line a name, sorted by name as bytes; columns are parted by one tab:\n",
                  "# type (find -printf %y: f d l p s c b), mode (octal), uid, gid, nlink, size, blocks of 512 bytes, mtime seconds,\n",
                  "# mtime nanoseconds (time = seconds + nanoseconds/1e9, also before 1970), inode, major:minor or -, path, symlink target.\n",
                  "# Paths and targets are raw bytes; control characters, DEL and % are written %XX.\n";
            print "$line{$_}\n" for sort keys %line;' "$MNT" > "$base.manifest"
}

# record_image IMAGE BASE: repairs nothing, checks that there is nothing to repair, and reads the image back read-only.
record_image() {
    xfs_repair -n "$1" > "$SCRATCH/repair" 2>&1 || { cat "$SCRATCH/repair" >&2; die "xfs_repair finds fault with $1"; }
    view_image "$1"
    record_tree "$2"
    detach_image
}
