// SPDX-License-Identifier: GPL-2.0-only

/** GFS2 through system calls: the sample, images of other shapes, and spoiled ones. */
@NullMarked
package io.pollux.it.gfs2;

import org.jspecify.annotations.NullMarked;
