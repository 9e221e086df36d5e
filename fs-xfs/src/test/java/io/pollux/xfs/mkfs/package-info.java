// SPDX-License-Identifier: GPL-2.0-only

/** Tests of mkfs, and the programs of the host that judge its results. */
@NullMarked
package io.pollux.xfs.mkfs;

import org.jspecify.annotations.NullMarked;
