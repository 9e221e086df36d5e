// SPDX-License-Identifier: GPL-2.0-only

/** Tests of the check, beside xfs_repair. */
@NullMarked
package io.pollux.xfs.check;

import org.jspecify.annotations.NullMarked;
