# SPDX-License-Identifier: GPL-2.0-only
#
# fill-gfs2.sh - the files of the GFS2 sample and of the oracle images. Run by bash in the emulated Linux (gfs2-in-linux.sh), in
# the root of the mounted filesystem.
#
# Every byte is written by Linux through the mount. Files are filled with the sample pattern, as in the XFS sample (see
# fill-xfs.sh): a row of 512-byte sectors, each of 64 little-endian words of 64 bits: "PLUXSM01", the sector's offset in its
# file, 61 words of dots, and the bitwise NOT of the offset.
# shellcheck shell=bash
set -euo pipefail
umask 022
EPOCH=1547542861              # 2019-01-15 09:01:01 UTC: the time of everything that has no time of its own
BSIZE=$(stat -f -c %S .)

# pattern [FILE]: writes the sample pattern into FILE; standard input has one "OFFSET LENGTH" in bytes a line. Without FILE each
# line ends with a file's name, and "OFFSET end NAME" sets the size of the file. One perl writes all files, because a start of perl
# in the emulator takes longer than writing most of them.
pattern() {
    perl -e '
        use strict;
        my ($f, $open) = (undef, "");
        my $filler = "." x (61 * 8);
        while (<STDIN>) {
            my ($at, $left, $name) = (split, @ARGV);
            if ($name ne $open) {
                !$f || close($f) or die "$open: $!\n";
                sysopen($f, $name, 0101, 0644) or die "$name: $!\n";    # O_WRONLY | O_CREAT
                $open = $name;
            }
            if ($left eq "end") {
                truncate($f, $at) or die "$name: $!\n";
                next;
            }
            while ($left > 0) {
                my $skip = $at % 512;
                my ($buf, $o) = ("", $at - $skip);
                while (length($buf) < $left + $skip && length($buf) < 1 << 20) {
                    $buf .= pack("a8Q<", "PLUXSM01", $o) . $filler . pack("Q<", ~$o);
                    $o += 512;
                }
                $buf = substr($buf, $skip, $left);
                sysseek($f, $at, 0);
                my $n = syswrite($f, $buf) or die "$name: $!\n";
                $at += $n; $left -= $n;
            }
        }
        !$f || close($f) or die "$open: $!\n";' "$@"
}

# xattr FILE NAME LENGTH [NAME LENGTH]...: extended attributes of that many bytes.
xattr() {
    perl -e '
        my $file = shift;
        while (@ARGV) {
            my ($name, $value) = (shift, "v" x shift);
            syscall(189, $file, $name, $value, length($value), 0) == 0 or die "$file: lsetxattr: $!\n";
        }' "$@"
}

# journal_data FILE: its data goes through the journal from now on (FS_IOC_SETFLAGS with FS_JOURNAL_DATA_FL).
journal_data() {
    perl -e '
        open(my $f, "<", $ARGV[0]) or die "$ARGV[0]: $!\n";
        my $flags = pack("L", 0x4000);
        ioctl($f, 0x40086602, $flags) or die "$ARGV[0]: $!\n";' "$1"
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

fill_data() {
    echo "main.dat: 16 MiB, each sector says where it belongs"
    fallocate -l $((16 << 20)) main.dat
    echo "0 $((16 << 20))" | pattern main.dat

    echo "the smaller files"
    # Blocks of a file are allocated in the order in which they are written: shuffled, no two lie together.
    : > fragmented.dat
    perl -e '
        my ($n, $bs, $x) = (@ARGV, 20181221);           # the same shuffle on every machine
        my @b = grep { $_ % 13 != 5 } 0 .. $n - 1;      # every 13th block stays a hole
        for (my $i = $#b; $i > 0; $i--) {
            $x = ($x * 1103515245 + 12345) % 2147483648;
            my $j = int($x / 65536) % ($i + 1);
            @b[$i, $j] = @b[$j, $i];
        }
        print $_ * $bs, " $bs\n" for @b;' 1200 "$BSIZE" | pattern fragmented.dat
    truncate -s $((1200 * BSIZE - 123)) fragmented.dat
    # Preallocated, also beyond the end of the file; a few blocks written.
    fallocate -l $((256 << 10)) prealloc.dat
    fallocate -n -o $((512 << 10)) -l $((64 << 10)) prealloc.dat
    printf '%s\n' "0 $BSIZE" "$((5 * BSIZE)) $((3 * BSIZE))" "$((100 * 1024 + 100)) 1000" | pattern prealloc.dat
    # A hole first, a hole last, holes between.
    printf '%s\n' "$((1 << 20)) $BSIZE" "$((5 << 20)) $((2 * BSIZE + 300))" "$(((9 << 20) + 512)) 512" | pattern holes.dat
    truncate -s $(((15 << 20) + 777)) holes.dat
    truncate -s 1000001 onlyhole.dat
    echo "0 12345" | pattern tail.dat
    : > journaled.dat
    journal_data journaled.dat
    echo "0 $((9 * BSIZE + 77))" | pattern journaled.dat
    : > empty
    # Round the size up to which a file lies in its inode, which has 232 bytes of its own.
    mkdir sizes
    local size
    {
        for size in 1 7 279 280 281 511 512 513 791 792 793 1815 1816 1817 3863 3864 3865 4095 4096 4097; do
            echo "0 $size sizes/$size"
        done
        # In the inode with a hole in front, and grown out of it by no more than its size.
        echo "200 end sizes/hole-in-inode"
        printf '%s\n' "100 20 sizes/grown" "100000 end sizes/grown"
    } | pattern
}

# fill_far: files so long that their trees are as high as trees get. Too long to read from end to end: see the .probes list.
fill_far() {
    local log file
    mkdir far
    {
        for log in 22 26 31 36 41 46 51 56 62; do
            file=far/$log
            printf '%s\n' "0 100 $file" "$(((1 << (log - 1)) - 512)) 1024 $file" "$(((1 << log) - 4096)) 8192 $file" \
                "$(((1 << log) + 8192 + 17)) end $file"
        done
        # A high tree with one block at its very end, and a high tree without blocks.
        echo "$((1 << 44)) 512 far/end-only"
        echo "$(((1 << 62) + 5)) end far/nothing"
    } | pattern
}

fill_dirs() {
    echo "directories"
    mkdir dirs
    echo "one file under many names" > dirs/target

    mkdir dirs/none dirs/short
    links dirs/target dirs/short "s%d" 1 2
    mkdir dirs/short/d
    ln -s ../target dirs/short/l

    # As many as fit into the inode, and a few more; and some names gone again.
    mkdir dirs/inode dirs/hashed
    links dirs/target dirs/inode "i%02d" 1 $(((BSIZE - 232) / 48 - 2))
    links dirs/target dirs/hashed "h%03d" 1 $((BSIZE / 30))
    rm dirs/hashed/*7
    mkdir dirs/hashed/d
    mkfifo dirs/hashed/p

    # A hash table that does not fit into the inode any more.
    mkdir dirs/many
    links dirs/target dirs/many "m%05d" 1 2500
    rm dirs/many/*3

    # Names of one hash, and names with the same first 17 bits of it: leaves in chains. The CRC of a string of fixed length is
    # linear, so a change in some places changes it by the sum of what each place alone does: Gauss finds sums of nothing.
    mkdir dirs/collide
    perl -e '
        use strict;
        my @table = map { my $c = $_; $c = $c & 1 ? $c >> 1 ^ 0xedb88320 : $c >> 1 for 1 .. 8; $c } 0 .. 255;
        sub crc { my $c = 0xffffffff; $c = $table[($c ^ $_) & 255] ^ $c >> 8 for unpack("C*", shift); $c ^ 0xffffffff }
        my ($chain, $near) = @ARGV;
        my $n = 48;
        my $zero = crc("a" x $n);
        my @rest;                                       # of 32 bits for whole hashes, of the upper 17 for near ones
        for my $mask (0xffffffff, 0xffff8000) {
            my (%pivot, @null);
            for my $i (0 .. $n - 1) {
                my $s = "a" x $n;
                substr($s, $i, 1) = "q";
                my ($v, $who) = ((crc($s) ^ $zero) & $mask, 1 << $i);
                while ($v) {
                    my $top = int(log($v) / log(2) + 1e-9);
                    $top-- while !($v >> $top & 1);
                    if (!exists $pivot{$top}) { $pivot{$top} = [$v, $who]; last }
                    $v ^= $pivot{$top}[0];
                    $who ^= $pivot{$top}[1];
                }
                push @null, $who if !$v;
            }
            push @rest, \@null;
        }
        for my $set (0, 1) {
            my @null = @{$rest[$set]};
            for my $k (1 .. ($set ? $near : $chain)) {
                my $sum = 0;
                for my $b (0 .. $#null) { $sum ^= $null[$b] if $k >> $b & 1 }
                my $name = join "", map { $sum >> $_ & 1 ? "q" : "a" } 0 .. $n - 1;
                next if -e "dirs/collide/$name";
                link("dirs/target", "dirs/collide/$name") or die "$name: $!\n";
            }
        }' $((BSIZE / 32 > 40 ? 40 : 20)) $((BSIZE / 32 > 40 ? 90 : 30))

    # Long names.
    mkdir dirs/long
    links dirs/target dirs/long "$(printf 'x%.0s' {1..250})%05d" 1 $((BSIZE / 100))
}

fill_names() {
    echo "deep paths, names, symbolic links"
    local path=deep i
    for i in $(seq -w 1 40); do path=$path/d$i; done
    mkdir -p "$path"
    echo "the bottom" > "$path/bottom"

    mkdir names
    local name
    for name in $'\xe6\x96\x87\xe4\xbb\xb6' $'\xce\x95\xce\xbb' $'emoji-\xf0\x9f\x90\x9f' $'e\xcc\x81-combining' $'\xc3\xa9-composed' \
                ' leading and trailing ' $'tab\tand\nnewline' '100%' $'not-utf-8-\xff\xfe' '-dash' '...' '\back\slash' \
                "$(printf 'n%.0s' {1..255})"; do
        printf '%s' "$name" > "names/$name"
    done

    mkdir links
    ln -s ../tail.dat links/relative
    ln -s /tail.dat links/absolute
    ln -s nowhere links/dangling
    ln -s b links/a
    ln -s a links/b
    ln -s self links/self
    ln -s ../dirs/many links/to-dir
    ln -s relative links/chain
    ln -s ../tail.dat links/with-attribute
    xattr links/with-attribute trusted.pollux 100
    # The longest that there is: what fits into an inode but one byte, or what Linux takes.
    local longest=$((BSIZE - 232 - 1))
    [ "$longest" -le 4095 ] || longest=4095
    local up
    up=$(printf './%.0s' $(seq 1 $(((longest - 12) / 2))))
    ln -s "$up../tail.dat" links/long
    ln -s "$(perl -e 'print "z" x $ARGV[0]' "$longest")" links/longest
}

fill_special() {
    mkdir special
    mkfifo special/fifo
    mknod special/null c 1 3
    mknod special/block b 259 262143
    perl -MSocket -e 'my $s; chdir "special"; socket($s, PF_UNIX, SOCK_STREAM, 0) && bind($s, sockaddr_un("socket")) or die "socket: $!\n"'
    echo setuid > special/setuid;  chown 1000:1001 special/setuid;  chmod 4755 special/setuid
    echo setgid > special/setgid;  chown 4294967294:65536 special/setgid;  chmod 2711 special/setgid
    mkdir special/sticky;  chown 65534:65534 special/sticky;  chmod 1777 special/sticky
    echo secret > special/mode-0;  chmod 0 special/mode-0
    echo three > special/link1;  ln special/link1 special/link2;  ln special/link1 special/link3
    # Attributes: in a block of their own; in many blocks.
    echo block > special/xattr-block;  xattr special/xattr-block user.small 30
    echo big > special/xattr-big
    local i big=()
    for i in 1 2 3 4 5 6 7 8; do big+=("user.big-$i" 3000); done
    xattr special/xattr-big "${big[@]}"
    mkdir special/xattr-dir;  xattr special/xattr-dir user.dir 200
    links dirs/target special/xattr-dir "x%02d" 1 12
}

# fill_times: everything at one time, then those that have a time of their own.
fill_times() {
    find . -print0 | xargs -0 touch -h -d "@$EPOCH"
    mkdir times
    local t
    for t in 1901-12-13T20:45:52 1902-01-01T00:00:00.000000001 1969-12-31T23:59:58.500000000 1970-01-01T00:00:00 \
             2038-01-19T03:14:07.999999999 2038-01-19T03:14:08 2100-01-01T00:00:00.123456789 2486-07-02T20:20:24; do
        echo "$t" > "times/$t"
        touch -d "${t}Z" "times/$t"
    done
    touch -d "@$EPOCH" times .
}

fill_data
fill_far
fill_dirs
fill_names
fill_special
fill_times
sync
