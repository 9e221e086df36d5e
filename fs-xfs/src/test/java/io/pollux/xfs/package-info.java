// SPDX-License-Identifier: GPL-2.0-only

/** Tests of XFS on filesystems built by hand ({@code TestImage}) and by mkfs.xfs. */
@NullMarked
package io.pollux.xfs;

import org.jspecify.annotations.NullMarked;
