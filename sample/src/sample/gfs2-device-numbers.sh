#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# gfs2-device-numbers.sh IMAGE < MANIFEST - the manifest with the numbers of device nodes as gfs2_edit finds them in the image.
# Linux writes them and, as of 6.1, shows 0:0 for every node that it reads back from disk.
set -euo pipefail
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
image=$1
number() { gfs2_edit -p "$1" field "$2" "$image"; }
while IFS= read -r line; do
    case $line in
        [bc]$'\t'*)
            ino=$(cut -f 10 <<< "$line")
            NUMBER=$(number "$ino" di_major):$(number "$ino" di_minor) \
                perl -pe 's/^((?:[^\t]*\t){10})[^\t]*/$1$ENV{NUMBER}/' <<< "$line" ;;
        *) printf '%s\n' "$line" ;;
    esac
done
