# SPDX-License-Identifier: GPL-2.0-only
#
# record-gfs2.sh - what Linux sees in a GFS2 image, into $OUT/sha256 (every regular file by the first of its names),
# $OUT/probes (ranges of files that are too long for that) and $OUT/manifest (every name), in the form of the XFS sample's. Run by
# bash in the emulated Linux (gfs2-in-linux.sh), in the root of the filesystem, which is mounted read-only.
# shellcheck shell=bash
set -euo pipefail

find . -type f -size -32768k -printf '%i/%P\0' | sort -z -t / -k 2 |
    perl -0 -ne 'm{^(\d+)/(.*)}s && !$seen{$1}++ && print $2' | xargs -0 sha256sum > "$OUT/sha256"

perl -e '
    use strict;
    my @probes;
    mkdir "/tmp/probes" or die "/tmp/probes: $!\n";
    for my $path (grep { -e } glob "far/*") {
        my $end = -s $path;
        next if $end < 32 << 20;
        open(my $f, "<:raw", $path) or die "$path: $!\n";
        my %seen;
        my $log = $path =~ m{/(\d+)$} ? $1 : 44;
        for ([0, 8192], [2**($log - 1) - 8192, 16384], [2**($log - 1) - 300, 1000], [2**$log - 70000, 70000], [2**$log - 4096, 8192],
             [2**$log - 8192, 4096], [2**($log - 2) + 4096, 4096], [2**$log, 4096], [$end - 17, 4096], [$end, 4096]) {
            my ($at, $length) = @$_;
            next if $at < 0 || $seen{"$at $length"}++;
            sysseek($f, $at, 0);
            my $n = sysread($f, my $buf, $length);
            defined $n or die "$path: $!\n";
            open(my $t, ">:raw", "/tmp/probes/" . @probes) or die;
            print $t $buf;
            close($t);
            push @probes, sprintf "%d  %d  %d  %s", $at, $length, $n, $path;
        }
    }
    # One program makes all sums, because its start in the emulator takes longer than a sum.
    open(my $sums, "-|", "sha256sum", map { "/tmp/probes/$_" } 0 .. $#probes) or die "sha256sum: $!\n";
    print "# sha256 of a range, offset, length asked for, length that read answers, path\n";
    for my $probe (@probes) {
        my ($sum) = split " ", <$sums>;
        print "$sum  $probe\n";
    }
    close($sums) or die "sha256sum fails\n";' > "$OUT/probes"

stat -f -c '%t %S %b %f %a %c %d %l' . > "$OUT/statfs"

find . -printf '%y\t%m\t%U\t%G\t%n\t%s\t%b\t%T@\t%i\t/%P\0%l\0' |
    perl -e '
        use strict;
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
                my $r = (lstat ".$path")[6];
                $rdev = sprintf "%d:%d", ($r >> 8 & 0xfff) | ($r >> 32 & ~0xfff), ($r & 0xff) | ($r >> 12 & 0xffffff00);
            }
            $line{$path} = join "\t", $type, sprintf("%04o", oct $mode), $uid, $gid, $nlink, $size, $blocks, $seconds,
                $nanos + 0, $ino, $rdev, escape($path), escape($target);
        }
        print "# What Linux sees, one line a name, sorted by name as bytes; columns are parted by one tab:\n",
              "# type (find -printf %y: f d l p s c b), mode (octal), uid, gid, nlink, size, blocks of 512 bytes, mtime seconds,\n",
              "# mtime nanoseconds (time = seconds + nanoseconds/1e9, also before 1970), inode, major:minor or -, path, symlink target.\n",
              "# Paths and targets are raw bytes; control characters, DEL and % are written %XX.\n";
        print "$line{$_}\n" for sort keys %line;' > "$OUT/manifest"
