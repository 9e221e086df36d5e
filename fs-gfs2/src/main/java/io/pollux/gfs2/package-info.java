// SPDX-License-Identifier: GPL-2.0-only

/**
 * GFS2: the second filesystem that the series polls on (fs/gfs2/file.c). Its direct I/O holds the inode's
 * glock in the deferred state, since it allocates nothing.
 *
 * <p>There is nothing here yet but this place: the floor is part of the house and of its build, so that the
 * rules that hold for it (it stands on fs-iomap, beside fs-xfs, and knows nothing of aio) are checked from
 * the start.
 */
@NullMarked
package io.pollux.gfs2;

import org.jspecify.annotations.NullMarked;
