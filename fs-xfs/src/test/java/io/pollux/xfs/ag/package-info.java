// SPDX-License-Identifier: GPL-2.0-only

/** Tests of the space of groups, on images of mkfs.xfs that xfs_repair checks. */
@NullMarked
package io.pollux.xfs.ag;

import org.jspecify.annotations.NullMarked;
