// SPDX-License-Identifier: GPL-2.0-only

/** Tests of GFS2 over images made by hand; those made by Linux are in the module it. */
@NullMarked
package io.pollux.gfs2;

import org.jspecify.annotations.NullMarked;
