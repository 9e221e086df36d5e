#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# gfs2-in-linux.sh - has a GFS2 image filled or read by Linux, on a machine whose own kernel has no GFS2: Debian's kernel runs
# in an emulator, and needs 5 to 10 seconds to start and stop.
#
#   gfs2-in-linux.sh [-r] [-c] [-t SECONDS] [-a SCRIPT] IMAGE SCRIPT [OUT-DIRECTORY]
#   gfs2-in-linux.sh [-t SECONDS] IMAGE             prints the SHA-256 sum of every regular file that is no longer than 16 MiB
#
# SCRIPT is run by bash in there, in the root directory of the mounted filesystem. It has bash, perl (perl-base), GNU coreutils
# and findutils, and busybox. What it writes into $OUT comes back into OUT-DIRECTORY, its own output goes to standard error.
#   -r  mount read-only, on a disk that can't be written
#   -a  if SCRIPT succeeds, unmount, mount read-only on a disk that can't be written, and run this second script the same way
#   -c  crash when SCRIPT is done: no unmount, so that the journal is left as it is
#   -t  give up after so long (default 600)
# The kernel is, in this order: the tree in $GFS2_KERNEL (with boot/vmlinuz-* and lib/modules in it, as a package unpacks), one
# that is installed here, or what Debian's linux-image-amd64 stands for, downloaded once into ~/.cache/pollux.
# Needs qemu-system-x86, busybox-static, perl; no root, but for apt-get update where apt knows of no packages yet.
set -euo pipefail

say() { echo "$*" >&2; }
die() { echo "${0##*/}: $*" >&2; exit 2; }
usage() { sed -n '3,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2; }

# In the order in which they need each other; what a kernel has built in is no file, and is left out.
readonly MODULES="virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk crc32c_generic libcrc32c
    configfs udp_tunnel ip6_udp_tunnel sctp dlm gfs2"
readonly PROGRAMS="bash perl find xargs sha256sum sort touch stat truncate fallocate mknod mkfifo ln mkdir rm mv cp dd chmod
    chown sed seq tar gzip base64 sync printf wc head tail"

read_only=0 crash=0 timeout=600 after=
while getopts ra:ct:h option; do
    case $option in
        r) read_only=1 ;;
        a) after=$OPTARG ;;
        c) crash=1 ;;
        t) timeout=$OPTARG ;;
        *) usage ;;
    esac
done
shift $((OPTIND - 1))
[ $# -ge 1 ] && [ $# -le 3 ] || usage
image=$1 script=${2:-} out=${3:-}
[ -f "$image" ] || die "there is no image $image"
for file in "$script" "$after"; do
    [ -z "$file" ] || [ -f "$file" ] || die "there is no script $file"
done
case $timeout in *[!0-9]* | '') die "-t takes a number of seconds" ;; esac
for tool in qemu-system-x86_64 busybox perl; do
    command -v "$tool" > /dev/null || die "cannot find $tool (Debian: apt-get install qemu-system-x86 busybox-static perl)"
done

scratch=$(mktemp -d "${TMPDIR:-/tmp}/pollux-gfs2.XXXXXX")
machine=
finish() {
    local status=$?
    [ -z "$machine" ] || kill "$machine" 2> /dev/null || true
    rm -rf --one-file-system "$scratch"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# ------------------------------------------------------------------------------------------------ the kernel

# Answers in $tree and $version a tree that has both a kernel and its gfs2.
find_kernel() {
    local base file
    for base in ${GFS2_KERNEL:+"$GFS2_KERNEL"} "" "$HOME"/.cache/pollux/linux-image-*; do
        for file in "$base"/lib/modules/*/kernel/fs/gfs2/gfs2.ko*; do
            version=${file%/kernel/fs/gfs2/*}
            version=${version##*/}
            tree=$base
            [ ! -f "$file" ] || [ ! -f "$tree/boot/vmlinuz-$version" ] || return 0
        done
    done
    return 1
}

# What linux-image-amd64 stands for, if apt knows.
kernel_package() {
    apt-cache depends linux-image-amd64 2> /dev/null | sed -n 's/^ *Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n 1
}

download_kernel() {
    local package to
    package=$(kernel_package)
    if [ -z "$package" ] && [ "$EUID" = 0 ]; then
        apt-get -q update > "$scratch/apt.log" 2>&1 || cat "$scratch/apt.log" >&2
        package=$(kernel_package)
    fi
    [ -n "$package" ] || die "this is no Debian with a linux-image-amd64: say in GFS2_KERNEL where a kernel with GFS2 is unpacked"
    say "downloading $package"
    ( cd "$scratch" && apt-get download "$package" > "$scratch/apt.log" 2>&1 ) || { cat "$scratch/apt.log" >&2; die "cannot download $package"; }
    to=$HOME/.cache/pollux/$package
    mkdir -p "${to%/*}"
    dpkg-deb -x "$scratch/$package"_*.deb "$scratch/kernel"
    rm -rf "$scratch/kernel/usr"
    mv -T "$scratch/kernel" "$to" 2> /dev/null || [ -d "$to" ] || die "cannot keep the kernel in $to"
}

find_kernel || { download_kernel; find_kernel; } || die "there is no GFS2 in the kernel that was downloaded"
[ -r "$tree/boot/vmlinuz-$version" ] || die "cannot read $tree/boot/vmlinuz-$version"

# Sets $kernel to the file that the emulator starts: the unpacked kernel if the emulator can start one, otherwise vmlinuz.
# The emulated processor would need as much time to unpack the kernel as for the rest of the start.
unpack_kernel() {
    kernel=$tree/boot/vmlinuz-$version
    grep -qs '^CONFIG_PVH=y' "$tree/boot/config-$version" || return 0
    # Documentation/x86/boot.rst: setup_sects, payload_offset and payload_length; the size of the unpacked kernel ends the payload
    perl -0777 -ne '
        print substr($_, (ord(substr($_, 0x1f1, 1)) + 1) * 512 + unpack("V", substr($_, 0x248, 4)),
                     unpack("V", substr($_, 0x24c, 4)) - 4)' "$kernel" > "$scratch/packed"
    case $(head -c 4 "$scratch/packed" | base64) in
        /Td6WA==) xz -dc --single-stream "$scratch/packed" ;;
        KLUv/Q==) zstd -qdc "$scratch/packed" ;;
        *)        return 0 ;;
    esac > "$scratch/vmlinux" 2> /dev/null || return 0
    kernel=$scratch/vmlinux
}
unpack_kernel

# ------------------------------------------------------------------------------------------------ what runs in there

root=$scratch/root
mkdir -p "$root"/{bin,dev,proc,sys,tmp,mnt,out,modules,usr,lib64} "$root/usr/lib"
cp "$(command -v busybox)" "$root/bin/busybox"
declare -A module_files
while read -r file; do
    module=${file##*/}
    module_files[${module%%.ko*}]=$file
done < <(find "$tree/lib/modules/$version/kernel" -name '*.ko*')
for module in $MODULES; do
    file=${module_files[$module]:-}
    case $file in
        '')    continue ;;
        *.ko)  cp "$file" "$root/modules/" ;;
        *.xz)  xz -dc "$file" > "$root/modules/$module.ko" ;;
        *.zst) zstd -qdc "$file" > "$root/modules/$module.ko" ;;
        *)     die "does not know how $file is packed" ;;
    esac
    echo "$module"
done > "$root/modules/order"

# The programs and their shared libraries, at the paths that ldd prints.
files=()
for program in $PROGRAMS; do
    files+=("$(type -P "$program" || die "cannot find $program")")
done
cp -L "${files[@]}" "$root/bin/"
{ ldd "${files[@]}" 2> /dev/null || true; } | perl -ne 'print "$1\n" if m{(/\S+) \(0x} && !$seen{$1}++' | while read -r file; do
    mkdir -p "$root${file%/*}"
    cp -L "$file" "$root$file"
done
perl_base=$(perl -MConfig -e 'print +(grep { m{/perl-base$} } @INC)[0] // $Config{archlibexp}')
mkdir -p "$root${perl_base%/*}"
cp -rL "$perl_base" "$root${perl_base%/*}/"

[ -z "$after" ] || cp "$after" "$root/after"
if [ -n "$script" ]; then
    cp "$script" "$root/script"
else
    read_only=1
    cat > "$root/script" <<'END'
find . -type f -size -16385k -print0 | sort -z | xargs -0 -r sha256sum > "$OUT/sums"
END
fi

cat > "$root/init" <<END
#!/bin/busybox sh
export PATH=/bin OUT=/out LC_ALL=C TZ=UTC HOME=/tmp
/bin/busybox --install -s /tmp
export PATH=/bin:/tmp
mount -t devtmpfs none /dev
mount -t proc none /proc
mount -t sysfs none /sys
stty -F /dev/ttyS0 -opost 2> /dev/null
say_status() {
    echo "=== pollux status \$1"
    sync
    /bin/busybox poweroff -f
}
while read -r module; do
    insmod /modules/\$module.ko || { echo "insmod \$module fails"; say_status 3; }
done < /modules/order
options=lockproto=lock_nolock
[ $read_only = 0 ] || options=\$options,ro,spectator
mount -t gfs2 -o \$options /dev/vda /mnt || { dmesg | tail -n 20; say_status 4; }
cd /mnt
echo "=== pollux script"
bash /script < /dev/null 2>&1
status=\$?
cd /
if [ \$status = 0 ] && [ -f /after ]; then
    umount /mnt || say_status 6
    blockdev --setro /dev/vda
    mount -t gfs2 -o lockproto=lock_nolock,ro,spectator /dev/vda /mnt || { dmesg | tail -n 20; say_status 4; }
    cd /mnt
    bash /after < /dev/null 2>&1
    status=\$?
    cd /
fi
echo "=== pollux script ends"
[ \$status = 0 ] || say_status 5
if [ $crash = 1 ]; then
    echo "=== pollux output"
    tar -C /out -cf - . | gzip -1 | base64
    echo "=== pollux status 0"
    /bin/busybox poweroff -f
fi
umount /mnt || say_status 6
echo "=== pollux output"
tar -C /out -cf - . | gzip -1 | base64
say_status 0
END
chmod 755 "$root/init"
( cd "$root" && find . | busybox cpio -o -H newc -R 0:0 ) > "$scratch/initramfs" 2> "$scratch/cpio.log" || { cat "$scratch/cpio.log" >&2; exit 2; }

# ------------------------------------------------------------------------------------------------ running it

if [ "$read_only" = 1 ]; then access=on; else access=off; fi
case $image in *,*) die "the emulator takes no comma in the name of an image: $image" ;; esac
: > "$scratch/console"
qemu-system-x86_64 -accel tcg -machine q35 -cpu max -smp 1 -m 1024 -nodefaults -display none -no-reboot \
    -kernel "$kernel" -initrd "$scratch/initramfs" \
    -append "console=ttyS0 quiet loglevel=3 panic=-1 tsc=reliable mitigations=off" \
    -chardev "file,id=console,path=$scratch/console" -serial chardev:console \
    -drive "file=$image,format=raw,if=none,id=disk,cache=unsafe,read-only=$access" -device virtio-blk-pci,drive=disk \
    2> "$scratch/qemu.log" &
machine=$!
for ((waited = 0; waited < timeout * 5; waited++)); do
    kill -0 "$machine" 2> /dev/null || break
    sleep 0.2
done
if kill -0 "$machine" 2> /dev/null; then
    tail -n 40 "$scratch/console" >&2
    die "the emulated machine has not finished after $timeout seconds"
fi
wait "$machine" || { cat "$scratch/qemu.log" >&2; die "the emulator fails"; }
machine=

sed 's/\r$//' "$scratch/console" > "$scratch/text"
sed -n '/^=== pollux script$/,/^=== pollux script ends$/{/^=== pollux/!p}' "$scratch/text" >&2
status=$(sed -n 's/^=== pollux status \([0-9]*\)$/\1/p' "$scratch/text" | tail -n 1)
case $status in
    0) ;;
    5) die "the script fails in there" ;;
    4) tail -n 30 "$scratch/text" >&2; die "Linux does not mount $image" ;;
    *) tail -n 40 "$scratch/text" >&2; die "the emulated machine ends with status ${status:-unknown}" ;;
esac
mkdir "$scratch/out"
sed -n '/^=== pollux output$/,/^=== pollux status/{/^=== pollux/!p}' "$scratch/text" | base64 -d | tar -C "$scratch/out" -xzf - ||
    die "what came back is damaged"
if [ -z "$script" ]; then
    cat "$scratch/out/sums"
elif [ -n "$out" ]; then
    mkdir -p "$out"
    cp -r "$scratch/out/." "$out/"
fi
